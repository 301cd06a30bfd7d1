"""Requests that no client of ours makes: each gets a sentence with the right status, and the program never fails."""

import json
import socket
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from sqlmodel import Session

from core.models import Role
from tests.repeats import mostly_slow
from tests.security.conftest import Site
from tests.security.hostile import BODIES, TEXTS, UNSTORABLE
from tests.security.rights import RIGHTS
from tests.security.test_rights import OTHER_ROUTES
from ui.api.problems import MOST_BYTES

ROUTES = sorted({row.route for row in RIGHTS.values() if row.route} | OTHER_ROUTES - {"/api/auth/logout"})
READS = ["/api/jobs", "/api/jobs/facets", "/api/users", "/jobs", "/users", "/login"]
#: Filters by themselves: next to others, one that is refused first would hide the rest.
ALONE = {
    "/api/jobs": ("q", "error", "after", "created_after"),
    "/api/users": ("q",),
    "/api/audit": ("q", "who", "what", "user", "since"),
}
NO_FAILURE = range(200, 500)
STRINGS = {**TEXTS, **UNSTORABLE}
#: Of all pairs of a body (or a text) and a route: each sixteenth in `make test`, so that each body and each route has
#: its turns, and every pair where there is time.
SHARES = [pytest.param(16, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
KINDS = ["text/plain", "multipart/form-data; boundary=x", "application/xml", "x" * 300]


def assert_clear_refusal(answer: object) -> None:
    """Assert that an answer is no failure of ours, and shows nothing of how the program is made."""
    assert answer.status_code in NO_FAILURE, (answer.request.url, answer.text[:400])
    assert "Traceback" not in answer.text
    assert "sqlalchemy" not in answer.text.lower()
    if answer.status_code == 431:  # the connection refuses a head of 32 kB itself
        return
    if answer.status_code >= 400 and answer.request.url.path.startswith("/api/"):
        assert answer.headers["content-type"] == "application/problem+json", answer.text[:200]
        assert answer.json()["status"] == answer.status_code


def paths_of(turn: int, share: int) -> list[str]:
    """Return each n-th route; the next turn takes the routes after these."""
    return [route.replace("{id}", str(uuid4())) for route in ROUTES[turn % share :: share]]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("body", BODIES, ids=str)
def test_no_body_makes_the_api_fail(site: Site, body: str, share: int) -> None:
    with site.client(Role.ADMIN) as client:
        for path in paths_of(list(BODIES).index(body), share):
            assert_clear_refusal(client.post(path, content=BODIES[body], headers={"Content-Type": "application/json"}))
        assert client.get("/api/me").status_code == 200, "it signed the person out"


@pytest.mark.parametrize("share", SHARES)
def test_no_kind_of_content_makes_the_api_fail(site: Site, share: int) -> None:
    with site.client(Role.ADMIN) as client:
        for turn, kind in enumerate(KINDS):
            for path in paths_of(turn, min(share, 8)):  # these are few
                assert_clear_refusal(client.post(path, content=b'{"preset": "nano"}', headers={"Content-Type": kind}))


@pytest.mark.parametrize("field", mostly_slow(["reason", "args", "name", "kind", "cron", "timezone"], fast=2))
def test_no_text_in_a_form_makes_the_api_fail(site: Site, field: str) -> None:
    good = {"name": "x", "kind": "maintenance.delete_old_jobs", "cron": "0 3 * * *", "timezone": "UTC"}
    with site.client(Role.ADMIN) as client:
        for text in STRINGS.values():
            value = {text: text, "kind": text} if field == "args" else text
            body = json.dumps({**good, field: value}).encode()
            assert_clear_refusal(
                client.post("/api/schedules", content=body, headers={"Content-Type": "application/json"})
            )


def test_no_text_in_a_reason_makes_the_api_fail(site: Site) -> None:
    with site.client(Role.ADMIN) as client:
        for text in STRINGS.values():
            reason = json.dumps({"reason": text}).encode()
            assert_clear_refusal(client.post("/api/queues/demo/pause", content=reason))
            client.post("/api/queues/demo/resume")


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("text", STRINGS, ids=str)
def test_no_text_in_an_address_makes_a_page_or_the_api_fail(site: Site, text: str, share: int) -> None:
    with site.client(Role.ADMIN) as client:
        for method, url in addresses_of(text)[list(STRINGS).index(text) % share :: share]:
            assert_clear_refusal(client.request(method, url))


def addresses_of(text: str) -> list[tuple[str, str]]:
    """Return all addresses with this text in a filter or in the path, each with its method."""
    value = quote(STRINGS[text].encode("utf-8", "surrogatepass"), safe="")
    names = (
        "q",
        "user",
        "error",
        "kind",
        "queue",
        "status",
        "after",
        "created_after",
        "limit",
        "offset",
        "need",
        "next",
    )
    query = "&".join(f"{name}={value}" for name in names)
    begun = ("/api/jobs/", "/api/users/", "/jobs/", "/users/", "/login/", "/", "/assets/", "/api/")
    acts = ("/api/queues/{}/pause", "/api/kinds/{}/resume", "/api/schedules/{}/run", f"/api/schedules/{uuid4()}/{{}}")
    return [
        *(("GET", f"{path}?{query}") for path in READS),
        *(("GET", f"{path}?{name}={value}") for path, filters in ALONE.items() for name in filters),
        *(("GET", path + value) for path in begun),
        *(("POST", path.format(value)) for path in acts),
    ]


def test_too_large_a_body_is_refused_with_a_sentence(site: Site) -> None:
    with site.client(Role.ADMIN) as client:
        for path in ("/api/schedules", "/api/auth/login", "/login"):
            answer = client.post(path, content=b'{"reason": "' + b"x" * MOST_BYTES + b'"}')
            assert answer.status_code == 413
            assert "1,000,000 bytes" in answer.json()["detail"]
        unsaid = client.post("/api/schedules", content=iter([b"x" * MOST_BYTES, b"x"]))
        assert unsaid.status_code == 413, "in pieces, without a length"


@pytest.mark.parametrize("length", ["1000001", "9223372036854775808", "-1", "1e3", "0x10"])
def test_a_length_that_is_not_true_holds_nothing_up(site: Site, length: str) -> None:
    answer = raw(site, f"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{{}}")
    assert answer[9:12] in (b"400", b"413"), answer[:200]


@pytest.mark.parametrize(
    "line",
    [
        "GET /login HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        "GET http://evil.example/login HTTP/1.1\r\nHost: evil.example",
        "GET /api/me HTTP/1.1\r\nHost: localhost\r\nX: a\x00b",
        "GET /api/me HTTP/1.1\r\nHost: localhost\r\nCookie: unstuck_session=\x01\x1b[31m",
        "GET /api/me HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\x7f",
        "GET /api/me\x1b[31m HTTP/1.1\r\nHost: localhost",
        "GET /api/me HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
    ],
)
def test_requests_that_are_not_http_are_refused(site: Site, line: str) -> None:
    answer = raw(site, f"{line}\r\nConnection: close\r\n\r\n")
    assert answer[9:12] in (b"400", b"401"), answer[:200]


def raw(site: Site, request: str) -> bytes:
    """Send bytes as they are, and return the beginning of the answer."""
    parts = urlsplit(site.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(request.encode("latin-1"))
        return connection.recv(4000)


@pytest.mark.parametrize("name", ["Idempotency-Key", "User-Agent", "Cookie", "Accept", "X-Request-ID"])
def test_no_header_makes_the_api_fail(site: Site, rows: Session, name: str) -> None:
    with site.client(Role.ADMIN) as client:
        for value in ("x" * 201, "x" * 5000, "é".encode(), "' OR 1=1", "../..", "%00"):
            path = f"/api/jobs/{uuid4()}/retry"
            assert_clear_refusal(client.post(path, headers={name: value}))


def test_the_log_shows_no_control_characters(site: Site) -> None:
    with site.client(Role.ADMIN) as client:
        client.get("/jobs/" + quote(TEXTS["terminal"]))
        client.get("/api/jobs?q=" + quote(TEXTS["terminal"]))
    assert not set(site.log()) & {chr(code) for code in (*range(10), *range(11, 32), 127, *range(128, 160))}
