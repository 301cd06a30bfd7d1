"""The session's cookie: for this site alone, out of reach of scripts, and new at every sign-in."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from core.database.engine import session_scope
from core.models import User
from core.people import auth
from core.settings import settings
from tests.factories import make_user
from ui.app import create_api

HTTPS, HTTP = "https://console.example", "http://localhost"
#: The cookie's name and attributes, by the address that people use.
FLAGS = {
    HTTP: ("unstuck_session", {"httponly", "path=/", "samesite=lax"}),
    HTTPS: ("__Host-unstuck", {"httponly", "path=/", "samesite=lax", "secure"}),
}


@pytest.fixture(params=FLAGS)
def console(request: pytest.FixtureRequest, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Return a client that is not signed in, at a console with https and at one without."""
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", request.param)
    settings.cache_clear()
    with TestClient(create_api(engine, "test"), base_url=request.param, follow_redirects=False) as client:
        yield client
    monkeypatch.undo()
    settings.cache_clear()


def sign_in_cookie(console: TestClient, engine: Engine, user: User) -> tuple[str, str, set[str]]:
    """Sign in by a link; return the cookie's name, its token and its attributes."""
    with session_scope(engine) as session:
        link = auth.make_link(session, user)
    first, *more = console.post(f"/login/{link}").headers["set-cookie"].split("; ")
    name, _, token = first.partition("=")
    return name, token, {word.lower() for word in more}


def test_the_cookie_is_sent_to_this_site_only_and_no_script_reads_it(console: TestClient, engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session)
    name, _, attributes = sign_in_cookie(console, engine, user)
    expected_name, flags = FLAGS[str(console.base_url)]
    assert name == expected_name
    assert {word for word in attributes if not word.startswith("max-age")} == flags
    assert f"max-age={int(settings().session_hours * 3600)}" in attributes


def test_sign_out_deletes_the_cookie_with_the_attributes_that_browsers_require(
    console: TestClient, engine: Engine
) -> None:
    """A browser takes nothing that begins with __Host- unless it is for this site alone and by https, no end either."""
    with session_scope(engine) as session:
        user = make_user(session)
    name, token, _ = sign_in_cookie(console, engine, user)
    origin = {"Cookie": f"{name}={token}", "Origin": str(console.base_url)}
    attributes = console.post("/api/auth/logout", headers=origin).headers["set-cookie"].lower().split("; ")
    assert attributes[0] == f'{name}=""'.lower()
    assert "path=/" in attributes
    assert ("secure" in attributes) == str(console.base_url).startswith("https")


def test_a_planted_session_cookie_is_replaced_at_sign_in(console: TestClient, engine: Engine) -> None:
    """Session fixation: a cookie planted in another person's browser must not become that person's session."""
    with session_scope(engine) as session:
        attacker, victim = make_user(session), make_user(session)
    name, planted, _ = sign_in_cookie(console, engine, attacker)
    console.cookies.set(name, planted)
    _, token, _ = sign_in_cookie(console, engine, victim)
    _, again, _ = sign_in_cookie(console, engine, victim)
    assert len({planted, token, again}) == 3
    assert len(token) >= 43, "256 bits"
    console.cookies.clear()
    known = console.get("/api/me", headers={"Cookie": f"{name}={planted}"}).json()
    assert known["email"] == attacker.email
