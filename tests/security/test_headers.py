"""Every answer carries the headers that limit the browser to this site."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from core.models import Role
from core.settings import settings
from tests.security.conftest import Site
from ui.app import create_api

ANSWERS = [
    ("GET", "/healthz", 200),
    ("GET", "/login", 200),
    ("GET", "/jobs", 303),
    ("GET", "/api/jobs", 401),
    ("POST", "/login", 401),
    ("GET", "/api/nowhere", 404),
    ("GET", "/assets/nowhere.css", 404),
    ("PUT", "/api/jobs", 405),
    ("PUT", "/login", 405),
    ("POST", "/api/auth/login", 422),
    ("GET", "/assets/plain.css", 200),
    ("GET", "/api/docs", 200),
    ("GET", "/api/openapi.json", 200),
    ("GET", "/api/docs/static/swagger-ui.css", 200),
    ("GET", "/metrics", 200),
    ("GET", "/login/not-a-token", 401),
]


def assert_guarded(answer: object) -> None:
    headers = answer.headers
    csp = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert csp["default-src"] == csp["form-action"] == csp["base-uri"] == "'self'"
    assert csp["script-src"] == "'self' 'unsafe-inline' 'unsafe-eval'", "what NiceGUI needs, and nothing else"
    assert csp["frame-ancestors"] == csp["object-src"] == "'none'"
    assert "http:" not in headers["content-security-policy"].replace("wss:", "").replace("ws:", "")
    assert (headers["x-content-type-options"], headers["cross-origin-opener-policy"]) == ("nosniff", "same-origin")
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers
    assert "traceback" not in answer.text.lower()


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_carries_the_security_headers(site: Site, method: str, path: str, status: int) -> None:
    with site.client() as stranger:
        answer = stranger.request(method, path)
    assert answer.status_code == status
    assert_guarded(answer)


def test_answers_to_signed_in_people_carry_the_security_headers(site: Site) -> None:
    with site.client(Role.ADMIN) as admin, site.client(Role.MEMBER) as member:
        assert_guarded(admin.get("/jobs"))
        assert_guarded(admin.get("/nowhere"))
        forbidden = member.get("/jobs")
        assert forbidden.status_code == 403
        assert_guarded(forbidden)


def test_the_refusal_of_a_foreign_host_carries_the_security_headers(site: Site) -> None:
    answer = httpx.get(f"{site.url}/login", headers={"Host": "evil.example"}, verify=False)
    assert answer.status_code == 400
    assert_guarded(answer)


@pytest.mark.parametrize(
    ("address", "is_https"), [("https://console.example", True), ("http://console.example", False)]
)
def test_https_is_insisted_on_where_there_is_https(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, address: str, *, is_https: bool
) -> None:
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", address)
    settings.cache_clear()
    with TestClient(create_api(engine, "test"), base_url=address) as client:
        answers = [client.get(path).headers for path in ("/login", "/api/me", "/assets/plain.css")]
    monkeypatch.undo()
    settings.cache_clear()
    assert [int(each.get("strict-transport-security", "=0").partition("=")[2]) >= 31_536_000 for each in answers] == (
        [is_https] * 3
    )


def test_a_foreign_host_gets_no_socket(site: Site) -> None:
    ask = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    ask |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Host": "evil.example"}
    answer = httpx.get(f"{site.url}/_nicegui_ws/socket.io/?EIO=4&transport=websocket", headers=ask, verify=False)
    assert answer.status_code in (400, 403)


@pytest.fixture
def broken(engine: Engine) -> Iterator[TestClient]:
    """Return a client of an API with a route that fails unexpectedly."""
    application = create_api(engine, "test")

    def fail() -> None:
        raise RuntimeError("postgresql://user:hunter2@db/unstuck")

    application.router.routes.insert(0, _route(fail))
    with TestClient(application, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def _route(endpoint: object) -> object:
    from fastapi.routing import APIRoute

    return APIRoute("/api/broken", endpoint)


def test_an_unexpected_error_carries_the_security_headers_and_shows_nothing_of_itself(broken: TestClient) -> None:
    answer = broken.get("/api/broken")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert_guarded(answer)
    assert "hunter2" not in answer.text
    assert answer.json()["id"] in answer.json()["detail"]
