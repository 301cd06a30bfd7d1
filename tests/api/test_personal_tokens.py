"""Personal tokens: what a script may do with one, what it may never do, and what ends it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select, update

from core import clock
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.models import Event, PersonalToken, Role, User
from core.people import personal_tokens
from tests.factories import ADMIN

SignIn = Callable[[Role], tuple[TestClient, User]]
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


def make(client: TestClient, **form: object) -> str:
    answer = client.post("/api/me/tokens", json={"name": "nightly", "scope": "write", **form})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_script_reads_and_writes_with_a_token_and_without_a_cookie(signed_in: SignIn, anonymous: TestClient) -> None:
    client, user = signed_in(Role.SUPPORT)
    token = make(client)
    assert token.startswith("unstuck_")
    assert anonymous.get("/api/me", headers=bearing(token)).json()["email"] == user.email
    assert anonymous.get("/api/jobs", headers=bearing(token)).status_code == 200
    enable = f"/api/users/{user.id}/operations/demo.enable"
    answer = anonymous.post(enable, json={"preset": "nano"}, headers={**bearing(token), **FOREIGN})
    assert answer.status_code == 202


def test_a_scripts_changes_are_recorded_under_its_owner(
    signed_in: SignIn, anonymous: TestClient, engine: Engine
) -> None:
    client, user = signed_in(Role.MEMBER)
    anonymous.post("/api/demo/enable", json={"preset": "nano"}, headers=bearing(make(client)))
    with Session(engine) as session:
        event = session.exec(select(Event).where(Event.name == "job.requested")).one()
    assert (event.actor, event.via) == (user.email, "api")


def test_a_token_for_reading_changes_nothing(signed_in: SignIn, anonymous: TestClient) -> None:
    client, _ = signed_in(Role.ADMIN)
    headers = bearing(make(client, scope="read"))
    assert anonymous.get("/api/jobs", headers=headers).status_code == 200
    answer = anonymous.post("/api/demo/enable", json={"preset": "nano"}, headers=headers)
    assert (answer.status_code, "is read-only" in answer.json()["detail"]) == (403, True)
    assert anonymous.delete("/api/me/sessions", headers=headers).status_code == 403
    assert client.get("/api/me").status_code == 200


def test_a_token_may_do_no_more_than_its_owners_role(signed_in: SignIn, anonymous: TestClient, engine: Engine) -> None:
    client, user = signed_in(Role.SUPPORT)
    headers = bearing(make(client))
    assert anonymous.post("/api/queues/demo/pause", headers=headers).status_code == 403
    assert anonymous.get(f"/api/users/{user.id}/sessions", headers=headers).status_code == 403
    perform(engine, ADMIN, CommandRequest(name="operator.role", target=user.id, args={"role": "member"}, reason="left"))
    assert anonymous.get("/api/jobs", headers=headers).status_code == 403


def test_a_token_creates_no_tokens_no_links_no_operators_and_no_passwords(
    signed_in: SignIn, anonymous: TestClient, engine: Engine
) -> None:
    client, user = signed_in(Role.ADMIN)
    token = make(client)
    for path, body in (
        ("/api/me/tokens", {"name": "child", "scope": "read"}),
        ("/api/me/password", {"password": "correct horse battery"}),
    ):
        answer = anonymous.post(path, json=body, headers=bearing(token))
        assert (answer.status_code, "sign in" in answer.json()["detail"].lower()) == (403, True), path
    with session_scope(engine) as session:
        actor = personal_tokens.actor_of(session, token, "api")
    for name, args in (
        ("operator.link", {}),
        ("operator.add", {"email": "new@example.com", "role": "admin"}),
        ("operator.role", {"role": "admin"}),
        ("operator.enable", {}),
    ):
        with pytest.raises(Exception, match="Tokens cannot do"):
            perform(engine, actor, CommandRequest(name=name, target=user.id, args=args))


@pytest.mark.parametrize("header", ["Bearer {token}x", "Bearer x", "Basic {token}", "Bearer", "{token}"])
def test_a_text_that_is_no_token_is_refused(signed_in: SignIn, anonymous: TestClient, header: str) -> None:
    client, _ = signed_in(Role.ADMIN)
    sent = {"Authorization": header.format(token=make(client))}
    assert anonymous.get("/api/me", headers=sent).status_code == 401


def test_a_cookie_does_not_make_up_for_a_wrong_token_nor_a_header_for_a_foreign_origin(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.MEMBER)
    assert client.get("/api/me", headers=bearing("unstuck_wrong")).status_code == 401
    assert client.post("/api/demo/enable", json={}, headers={"Authorization": "Basic x", **FOREIGN}).status_code == 403


@pytest.mark.parametrize(
    "end",
    [{"revoked_at": clock.now()}, {"expires_at": clock.now() - timedelta(seconds=1)}],
    ids=["revoked", "too old"],
)
def test_a_token_that_has_ended_is_refused(
    signed_in: SignIn, anonymous: TestClient, engine: Engine, end: dict[str, object]
) -> None:
    client, user = signed_in(Role.MEMBER)
    headers = bearing(make(client))
    assert anonymous.get("/api/me", headers=headers).status_code == 200
    with session_scope(engine) as session:
        session.exec(update(PersonalToken).where(col(PersonalToken.user_id) == user.id).values(**end))
    assert anonymous.get("/api/me", headers=headers).status_code == 401
    assert client.get("/api/me/tokens").json()["items"] == []


def test_a_token_of_a_disabled_person_ends_for_good(signed_in: SignIn, anonymous: TestClient, engine: Engine) -> None:
    client, user = signed_in(Role.SUPPORT)
    headers = bearing(make(client))
    perform(engine, ADMIN, CommandRequest(name="operator.disable", target=user.id, reason="left"))
    assert anonymous.get("/api/me", headers=headers).status_code == 401
    perform(engine, ADMIN, CommandRequest(name="operator.enable", target=user.id))
    assert anonymous.get("/api/me", headers=headers).status_code == 401


def test_people_list_and_revoke_only_their_own_tokens(signed_in: SignIn, anonymous: TestClient) -> None:
    client, _ = signed_in(Role.MEMBER)
    other, _ = signed_in(Role.SUPPORT)
    token = make(client)
    anonymous.get("/api/me", headers=bearing(token))
    (line,) = client.get("/api/me/tokens").json()["items"]
    assert (line["name"], line["scope"], line["last_used_at"] is None) == ("nightly", "write", False)
    assert token not in client.get("/api/me/tokens").text
    assert other.delete(f"/api/me/tokens/{line['id']}").status_code == 404
    assert other.get("/api/me/tokens").json()["items"] == []
    assert client.delete(f"/api/me/tokens/{line['id']}").status_code == 200
    assert anonymous.get("/api/me", headers=bearing(token)).status_code == 401


def test_a_token_cannot_be_made_for_another_person(signed_in: SignIn, engine: Engine) -> None:
    _, user = signed_in(Role.MEMBER)
    with pytest.raises(Exception, match="only create tokens for yourself"):
        perform(engine, ADMIN, CommandRequest(name="token.create", target=user.id, args={"name": "x"}))


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"days": 366}, "days"),
        ({"days": 0}, "days"),
        ({"name": " "}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"scope": "admin"}, "scope"),
    ],
)
def test_a_token_ends_within_a_year_and_says_what_it_is_for(signed_in: SignIn, form: dict, field: str) -> None:
    client, _ = signed_in(Role.MEMBER)
    answer = client.post("/api/me/tokens", json={"name": "nightly", **form})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_a_token_is_nowhere_in_the_database(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.MEMBER)
    token = make(client)
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        for table in tables:
            rows = connection.execute(text(f"SELECT t::text FROM {table} t")).scalars().all()
            assert not any(token in row or token.removeprefix("unstuck_") in row for row in rows), table
