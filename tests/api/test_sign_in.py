"""Signing in and out: by link once, by password, and the ways in which a session ends."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session, col, update

from core import clock
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import NotAllowed
from core.models import Role, User, UserSession
from core.people import auth
from tests.factories import ADMIN, make_user

SignIn = Callable[[Role], tuple[TestClient, User]]
PASSWORD = "correct horse battery"
pytestmark = pytest.mark.usefixtures("quick_hashes")


def test_a_sign_in_link_works_once(anonymous: TestClient, engine: Engine) -> None:
    with session_scope(engine) as session:
        link = auth.make_link(session, make_user(session))
    assert anonymous.post(f"/login/{link}").status_code == 303
    for again in (anonymous.get(f"/login/{link}"), anonymous.post(f"/login/{link}")):
        assert again.status_code == 401
        assert "used" in again.text


def test_a_mail_scanner_that_opens_a_link_does_not_use_it_up(anonymous: TestClient, engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session, email="o'brien+<b>@example.com")
        link = auth.make_link(session, user)
    for _ in range(3):
        shown = anonymous.get(f"/login/{link}")
        assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
        assert "set-cookie" not in shown.headers
        assert "<b>" not in shown.text
        assert "o&#39;brien" in shown.text
    assert anonymous.get("/api/me").status_code == 401
    foreign = anonymous.post(f"/login/{link}", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert anonymous.post(f"/login/{link}").status_code == 303
    assert anonymous.get("/api/me").json()["email"] == user.email


def test_a_link_of_a_person_disabled_since_is_refused(anonymous: TestClient, engine: Engine) -> None:
    with session_scope(engine) as session:
        link = auth.make_link(session, make_user(session, disabled_at=clock.now()))
    assert anonymous.get(f"/login/{link}").status_code == 401
    assert anonymous.post(f"/login/{link}").status_code == 401


def test_a_password_is_set_and_signs_in_and_a_wrong_one_does_not(signed_in: SignIn, anonymous: TestClient) -> None:
    client, user = signed_in(Role.MEMBER)
    short = client.post("/api/me/password", json={"password": "short"})
    assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "password")
    assert client.post("/api/me/password", json={"password": PASSWORD}).status_code == 200
    wrong = anonymous.post("/api/auth/login", json={"email": user.email, "password": "not this one, sorry"})
    nobody = anonymous.post("/api/auth/login", json={"email": "nobody@example.com", "password": PASSWORD})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, nobody.json()["detail"])
    right = anonymous.post("/api/auth/login", json={"email": user.email.upper(), "password": PASSWORD})
    assert right.status_code == 200
    assert anonymous.get("/api/me").json()["email"] == user.email
    anonymous.post("/api/auth/logout")
    assert anonymous.get("/api/me").status_code == 401


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(signed_in: SignIn, anonymous: TestClient) -> None:
    client, user = signed_in(Role.MEMBER)
    client.post("/api/me/password", json={"password": PASSWORD})
    anonymous.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    assert client.post("/api/me/password", json={"password": "another long one"}).status_code == 422
    body = {"password": "another long one", "current": PASSWORD}
    assert client.post("/api/me/password", json=body).status_code == 200
    assert client.get("/api/me").status_code == 200
    assert anonymous.get("/api/me").status_code == 401


def test_legacy_hashes_are_refused(anonymous: TestClient, engine: Engine) -> None:
    legacy = "$argon2id$v=19$m=65536,t=3,p=4$legacy$1600a35a-0999-40d8-b6f"
    with session_scope(engine) as session:
        user = make_user(session, hashed_password=legacy)
    answer = anonymous.post("/api/auth/login", json={"email": user.email, "password": legacy})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "end",
    [
        {"revoked_at": clock.now()},
        {"expires_at": clock.now() - timedelta(seconds=1)},
        {"last_seen_at": clock.now() - timedelta(hours=1)},
    ],
    ids=["revoked", "too old", "idle"],
)
def test_an_ended_session_gets_an_answer_that_says_so(
    signed_in: SignIn, engine: Engine, end: dict[str, object]
) -> None:
    client, user = signed_in(Role.ADMIN)
    with session_scope(engine) as session:
        session.exec(update(UserSession).where(col(UserSession.user_id) == user.id).values(**end))
    answer = client.get("/api/jobs")
    assert (answer.status_code, "ended" in answer.json()["detail"]) == (401, True)


def test_a_disabled_person_is_signed_out_at_once(signed_in: SignIn, engine: Engine) -> None:
    client, user = signed_in(Role.SUPPORT)
    with Session(engine) as session:
        session.get_one(User, user.id).disabled_at = clock.now()
        session.commit()
    assert client.get("/api/jobs").status_code == 401


def test_a_lost_role_is_lost_with_the_next_request(signed_in: SignIn, engine: Engine) -> None:
    client, user = signed_in(Role.SUPPORT)
    assert client.get("/api/jobs").status_code == 200
    with Session(engine) as session:
        session.get_one(User, user.id).role = Role.MEMBER
        session.commit()
    assert client.get("/api/jobs").status_code == 403


def test_an_operator_is_invited_by_link_and_cannot_change_their_own_role(signed_in: SignIn, engine: Engine) -> None:
    answer = perform(
        engine, ADMIN, CommandRequest(name="operator.add", args={"email": "new@example.com", "role": "support"})
    )
    assert answer["link"].startswith("/login/")
    _, admin = signed_in(Role.ADMIN)
    own = CommandRequest(name="operator.role", target=ADMIN.id, args={"role": "viewer"}, reason="they left")
    with session_scope(engine) as session:
        session.add(User(id=ADMIN.id, email=ADMIN.name, role=Role.ADMIN))
    with pytest.raises(NotAllowed):
        perform(engine, ADMIN, own)
    assert perform(
        engine, ADMIN, CommandRequest(name="operator.role", target=admin.id, args={"role": "viewer"}, reason="left")
    )


def test_a_nul_in_the_address_is_a_wrong_address_and_guessing_keeps_no_connection(
    anonymous: TestClient, engine: Engine
) -> None:
    body = {"email": "a\x00b@example.com", "password": PASSWORD}
    assert anonymous.post("/api/auth/login", json=body).status_code == 401
    assert anonymous.post("/login", data={"email": "a\x00b", "password": PASSWORD}).status_code == 401
    assert engine.pool.checkedout() == 0


def test_an_operator_is_not_added_again_with_less(engine: Engine) -> None:
    first = CommandRequest(name="operator.add", args={"email": "boss@example.com", "role": "admin"})
    perform(engine, ADMIN, first)
    with pytest.raises(NotAllowed, match="already an operator"):
        perform(engine, ADMIN, CommandRequest(name="operator.add", args={"email": "boss@example.com"}))
