"""Without a session every address answers 401, 403 or with the way to the sign-in page, but for a short list."""

import json
import os
import re
from uuid import uuid4

import pytest
import redis

from tests.loaded import Forked, call_main
from tests.security.conftest import Site
from ui.pages import PAGES

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
#: Public addresses, and why they are public. Every other address needs a session.
PUBLIC = {
    "/healthz": "a load balancer's probe",
    "/readyz": "a load balancer's probe; names no person and no address",
    "/metrics": "a scraper's probe: counts only; 2-CONTRACT puts it beside the probes",
    "/api/openapi.json": "says what can be asked for, and nothing of what is there",
    "/api/docs": "the same for reading",
    "/api/docs/static": "the same page's scripts",
    "/api/auth/login": "signing in",
    "/login": "signing in",
    "/login/code": "the second half of signing in",
    "/login/oidc": "the way to the organisation's own sign-in",
    "/login/oidc/callback": "the way back; the sealed attempt and the provider's token are the proof",
    "/login/{token}": "the token is the proof",
    "/unsubscribe": "the proof in the link is the proof, and ends messages to one person",
    "/logout": "ends what there is to end, then shows the sign-in page",
    "/assets": "style, fonts and scripts of the sign-in page too",
    "/api/{rest:path}": "answers that there is nothing here",
}
#: NiceGUI's own scripts and styles, with its version in the path; they hold no data of ours.
LIBRARY = re.compile(r"/_nicegui/[\d.]+/(static|libraries|components|resources|dynamic_resources|esm)\b")
#: The socket that pages talk through has its own tests; it is a mount, and no page is reachable by its id alone.
SOCKET = "/_nicegui_ws"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    listing = tmp_path_factory.mktemp("routes") / "table.json"
    assert Forked(call_main, "tests.security.route_table", (str(listing),), dict(os.environ)).wait(60) == 0
    return json.loads(listing.read_text())


def address(path: str) -> str:
    return re.sub(r"{[^}]*}", lambda _: str(uuid4()), path)


def test_the_walk_finds_everything(table: dict[str, list]) -> None:
    paths = {path for _, path, _ in table["ways"]}
    assert set(table["documented"]) <= paths
    assert {page.route for page in PAGES} | {"/login", "/healthz", "/metrics"} <= paths
    assert {kind for kind, _, _ in table["ways"]} <= {"APIRoute", "Route", "Mount"}, "teach `ways` the new kind"


def test_without_a_session_nothing_is_shown_and_nothing_is_done(site: Site, table: dict[str, list]) -> None:
    open_doors = []
    with site.client() as stranger:
        for _, path, methods in table["ways"]:
            if path in PUBLIC or LIBRARY.match(path) or path == SOCKET:
                continue
            for method in METHODS:
                answer = stranger.request(method, address(path))
                if not refuses(answer, declared=method in methods):
                    open_doors.append((method, path, answer.status_code, answer.text[:80]))
    assert open_doors == []


def refuses(answer: object, *, declared: bool) -> bool:
    """Return whether a stranger was refused; a method that the address does not take may also be answered as such."""
    if answer.status_code == 303:
        return answer.headers["location"].startswith("/login")
    return answer.status_code in ({401, 403} if declared else {401, 403, 404, 405})


def test_the_list_of_public_addresses_names_only_what_there_is(table: dict[str, list]) -> None:
    assert PUBLIC.keys() <= {path for _, path, _ in table["ways"]}


def test_a_session_that_was_ended_opens_nothing(site: Site, table: dict[str, list]) -> None:
    with site.client() as stranger:
        for token in ("", "x", "' OR 1=1 --", "A" * 5000):
            answer = stranger.get("/api/me", headers={"Cookie": f"unstuck_session={token}"})
            assert answer.status_code == 401


def test_public_answers_name_no_person_and_no_address(site: Site) -> None:
    token = site.token()
    with site.client() as stranger:
        texts = [stranger.get(path).text for path in ("/healthz", "/readyz", "/metrics", "/api/openapi.json")]
    for text in texts:
        assert "@" not in text.replace("@example", "")
        assert token not in text
        assert "postgresql" not in text


def test_strangers_are_counted_for_all_replicas_together(site: Site, environment: dict[str, str]) -> None:
    with redis.Redis.from_url(environment["REDIS_URL"]) as broker, site.client() as stranger:
        broker.delete(*broker.keys("*strangers*") or ["none"])
        stranger.get("/api/me")
        assert broker.keys("*strangers*")
