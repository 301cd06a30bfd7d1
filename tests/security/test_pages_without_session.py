"""Pages without a person: none is made for a stranger, and an error's page does not stay open."""

import httpx
import pytest

from core.models import Role
from tests.security.test_sockets import COOKIE, Site, collected, disable, shake, site, socket
from tests.waiting import eventually

__all__ = ["collected", "site"]

#: Addresses of a page, of no page, of a missing static file, and of routes with a method that they do not take.
ADDRESSES = [
    ("GET", "/jobs"),
    ("GET", "/no/such/page"),
    ("GET", "/_nicegui/x"),
    ("GET", "/_nicegui_wsx"),
    ("GET", "/favicon.ico/x"),
    ("POST", "/_nicegui/x"),
    ("POST", "/healthz"),
    ("PUT", "/readyz"),
    ("DELETE", "/login"),
    ("PATCH", "/metrics"),
    ("TRACE", "/api/me"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_no_page_is_made_for_a_stranger(site: Site, method: str, address: str) -> None:
    before = site.counted()["pages"]
    with httpx.Client(base_url=site.url, verify=False) as stranger:
        answers = {stranger.request(method, address).status_code for _ in range(20)}
    assert answers <= {303, 405}
    assert site.counted()["pages"] <= before


def test_no_page_is_made_of_an_error(site: Site) -> None:
    token = site.sign_in(site.person())
    before = site.counted()["pages"]
    with httpx.Client(base_url=site.url, verify=False, cookies={COOKIE: token}) as client:
        missing, broken = client.get("/no/such/page"), client.get("/broken")
    assert (missing.status_code, broken.status_code) == (404, 500)
    assert "hunter2" not in broken.text
    assert "Incident" in broken.text
    assert "client_id" not in missing.text + broken.text
    eventually(lambda: site.counted()["pages"] <= before + 1)


def test_a_page_without_a_person_receives_no_changes_of_jobs(site: Site) -> None:
    person = site.person(Role.VIEWER)
    token = site.sign_in(person)
    page = site.page_of(token, "/nobodys")
    with socket(site, token) as client:
        assert shake(client, page)
        assert client.call("jobs:join", {"client_id": page.query["client_id"]}) is False


def test_a_disabled_person_receives_no_further_changes(site: Site) -> None:
    person = site.person(Role.VIEWER)
    token = site.sign_in(person)
    page = site.page_of(token)
    with socket(site, token) as client:
        assert shake(client, page)
        assert client.call("jobs:join", {"client_id": page.query["client_id"]}) is True
        disable(site, person)
        eventually(lambda: not client.connected)


def test_pages_that_never_connect_are_few_and_go_after_seconds(site: Site) -> None:
    eventually(lambda: site.counted()["pages"] <= 2, within=30)
    before = site.counted()["pages"]
    with httpx.Client(base_url=site.url, verify=False, cookies={COOKIE: site.sign_in(site.person())}) as program:
        assert {program.get("/target").status_code for _ in range(60)} == {200}
        assert site.counted()["pages"] <= before + 20
    eventually(lambda: site.counted()["pages"] <= before, within=15)
