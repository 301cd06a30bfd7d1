"""The address of a request is that of its connection, unless a trusted proxy passes it on."""

import re
from pathlib import Path

import httpx

from core.database.engine import session_scope
from core.models import Role
from core.people import auth
from tests.factories import make_user
from tests.security.conftest import Site, _answers, ended, forked
from tests.waiting import eventually

FORGED = {"X-Forwarded-For": "203.0.113.66", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.66"}


def addresses(site: Site, url: str) -> list[str]:
    """Sign a person in with forged headers, and return the recorded addresses."""
    with session_scope(site.engine) as session:
        link = auth.make_link(session, make_user(session, role=Role.VIEWER))
    with httpx.Client(base_url=url, headers=FORGED, timeout=30, verify=False) as client:
        assert client.post(f"/login/{link}").headers["location"] == "/"
        return [line["ip"] for line in client.get("/api/me/sessions").json()["items"]]


def test_a_client_does_not_choose_its_address(site: Site) -> None:
    assert addresses(site, site.url) == ["127.0.0.1"]


def test_a_proxy_that_is_named_passes_the_address_on(site: Site, environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    process = forked(["serve", "--port", "0"], {**environment, "UNSTUCK_PROXIES": "127.0.0.1"}, log)
    try:
        address = eventually(lambda: re.search(r"served at (http://\S+)", log.read_text()), within=60)
        eventually(lambda: _answers(address[1]), within=60)
        assert addresses(site, address[1]) == ["203.0.113.66"]
    finally:
        ended(process)
