"""Another site's page can neither act through a visitor's browser, nor send them away, nor frame the console."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import pytest
from sqlmodel import Session
from starlette.routing import compile_path

from core.models import Role
from tests.browsing import COOKIE, Tabs
from tests.repeats import mostly_slow
from tests.security.conftest import Site
from tests.security.rights import RIGHTS
from tests.security.test_rights import OTHER_ROUTES, changes
from ui.api.auth import own_path
from ui.app import create_api

#: Headers of a browser or a program -> may it act with a cookie?
SENT = {
    "same-origin": ({"Sec-Fetch-Site": "same-origin"}, True),
    "same-site": ({"Sec-Fetch-Site": "same-site"}, False),
    "cross-site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "cross-site, with our Origin": ({"Sec-Fetch-Site": "cross-site", "Origin": "{own}"}, False),
    "an unknown word": ({"Sec-Fetch-Site": "SAME-ORIGIN, cross-site"}, False),
    "none": ({"Sec-Fetch-Site": "none"}, False),
    "none, a form sent again": ({"Sec-Fetch-Site": "none", "Origin": "{own}"}, True),
    "own Origin": ({"Origin": "{own}"}, True),
    "foreign Origin": ({"Origin": "https://evil.example"}, False),
    "Origin: null": ({"Origin": "null"}, False),
    "empty Origin": ({"Origin": ""}, False),
    "our name in a foreign Origin": ({"Origin": "https://{host}.evil.example"}, False),
    "our name as a user": ({"Origin": "https://{host}@evil.example"}, False),
    "an Origin that cannot be read": ({"Origin": "http://["}, False),
    "another port": ({"Origin": "http://127.0.0.1:1"}, False),
    # Fetch standard: a browser sends Origin with every request that is not GET or HEAD. Without: a program, no page.
    "nothing, as programs do": ({}, True),
}
FRAMED = ("/jobs", "/login", "/api/docs")
SIGN_IN = {"/login", "/api/auth/login"}
ROUTES = sorted({row.route for row in RIGHTS.values() if row.route} | OTHER_ROUTES | SIGN_IN | {"/logout"})
#: Every route is asked in the way that passes and in one that does not, and every other way at a few routes.
FEW = ["/api/jobs/{id}/retry", "/api/auth/logout", "/login", "/api/me/tokens"]
_WHOLE = ("same-origin", "cross-site")
TRIED_FAST = [(sent, ROUTES if sent in _WHOLE else FEW) for sent in SENT]
TRIED = [*TRIED_FAST, *((sent, ROUTES) for sent in SENT if sent not in _WHOLE)]


@pytest.fixture(scope="module")
def verbs(site: Site) -> dict[str, str]:
    """Return the first verb that changes something, for each route; pages' own forms are posted."""
    known = create_api(site.engine, "test").openapi()["paths"]
    unsafe_verbs = {path: verbs.keys() - {"get", "head"} for path, verbs in known.items()}
    patterns = [(compile_path(path)[0], min(unsafe).upper()) for path, unsafe in unsafe_verbs.items() if unsafe]
    return {route: next((verb for pattern, verb in patterns if pattern.match(route)), "POST") for route in ROUTES}


@pytest.mark.parametrize(("sent", "routes"), mostly_slow(TRIED, fast=len(TRIED_FAST)), ids=lambda each: str(each)[:40])
def test_only_our_own_pages_may_act_with_a_cookie(
    site: Site, rows: Session, verbs: dict[str, str], sent: str, routes: list[str]
) -> None:
    headers, passes = SENT[sent]
    host = urlsplit(site.url).netloc
    headers = {name: value.format(own=site.url, host=host) for name, value in headers.items()}
    token = site.token(Role.ADMIN)
    before = changes(rows)
    with site.client() as client:
        for route in routes:
            path = route.replace("{id}", str(uuid4()))
            sends = {**headers, "Cookie": f"{COOKIE}={token}"}
            # A body that no route takes: a request whose body is read has passed.
            answer = client.request(verbs[route], path, headers=sends, content=b"{")
            refused = answer.status_code == 403 and "another site" in answer.text
            assert refused is not passes, (route, answer.status_code, answer.text[:200])
            assert answer.status_code != 401 or route in SIGN_IN, route
            if passes and "set-cookie" in answer.headers:
                token = site.token(Role.ADMIN)  # this route has ended the session
            if refused:
                assert changes(rows) == before
                assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "next_address",
    [
        "",
        "evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
        "/a\\..\\..\\evil",
        "https://evil.example",
        "https:evil.example",
        "HTTPS://evil.example/jobs",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "/\t/evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/jobs\r\nSet-Cookie: a=b",
        "/\u2028/evil.example",
        "/jobs\x00",
        "/\u202etxt",
        "http://[::1",
        "/login",
        "/login?next=/login",
    ],
)
def test_the_sign_in_never_leads_to_another_site(next_address: str) -> None:
    assert own_path(next_address) == "/"


@pytest.mark.parametrize(
    "next_address",
    [
        "/",
        "/jobs?status=failed",
        "/%2F%2Fevil.example",
        "/%5Cevil",
        "/.//evil.example",
        "/@evil.example",
        "/jobs%0d%0aX:y",
    ],
)
def test_own_paths_stay_on_this_site(next_address: str) -> None:
    assert urlsplit(urljoin("http://here.example/login", own_path(next_address))).netloc == "here.example"
    assert not set(own_path(next_address)) & set("\r\n\\<>\"'")


def test_the_sign_in_page_hands_on_only_own_paths(site: Site) -> None:
    with site.client() as stranger, site.client(Role.ADMIN) as admin:
        for next_address in (
            "//evil.example",
            "javascript:alert(1)",
            '/"><script>alert(1)</script>',
            "%2F%2Fevil.example",
        ):
            page = stranger.get("/login", params={"next": next_address}).text
            assert "evil.example" not in page
            assert "<script>alert" not in page
            gone = admin.get("/login", params={"next": next_address})
            assert gone.status_code == 303
            assert urlsplit(gone.headers["location"]).netloc == ""


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST", 200),
        ("[::1]:{port}", 200),
        ("evil.example", 400),
        ("evil.example:{port}", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost.evil.example:{port}", 400),
        ("evil.example:80@localhost", 400),
        ("localhost@evil.example", 400),
        ("evil.example#localhost", 400),
        ("0.0.0.0:{port}", 400),
        ("", 400),
    ],
)
def test_only_our_own_names_are_answered(site: Site, host: str, status: int) -> None:
    with site.client() as stranger:
        answer = stranger.get("/api/openapi.json", headers={"Host": host.format(port=urlsplit(site.url).port)})
        assert answer.status_code == status
        for name in ("X-Forwarded-Host", "Forwarded", "X-Host"):
            again = stranger.get("/jobs", headers={name: "evil.example"})
            assert "evil.example" not in again.headers["location"]


class Outside(BaseHTTPRequestHandler):
    """Another site, with the same answer at every address. A real one, for Chromium frames no mocked one."""

    page = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def outside(site: Site) -> Iterator[str]:
    """Serve a page of another origin that shows the console in frames."""
    frames = "".join(f'<iframe src="{site.url}{path}"></iframe>' for path in FRAMED)
    handler = type("Framing", (Outside,), {"page": frames.encode()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
def test_no_other_page_shows_the_console_in_a_frame(site: Site, tabs: Tabs, outside: str) -> None:
    page = tabs.lend(site.token())
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto(outside, wait_until="load")
    inside = [frame.content() for frame in page.frames[1:]]
    assert len(inside) == len(FRAMED)
    assert not [text for text in inside if "/assets/" in text or "swagger" in text]
    assert len([text for text in messages if "frame-ancestors" in text]) == len(FRAMED), messages
