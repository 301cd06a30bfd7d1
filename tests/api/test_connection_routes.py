"""Connections by the API and the command line: lists, one connection, the way to consent; never a token."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session, col, select
from typer.testing import CliRunner

from core.database.engine import session_scope
from core.models import BackgroundJob, Event, PlatformConnection, Role, User
from core.settings import settings
from tests.conftest import SECRET
from ui import cli

SECRETS = ("the-access-token", "the-refresh-token")
SignIn = Callable[[Role], tuple[TestClient, User]]


@pytest.fixture(autouse=True)
def _platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UNSTUCK_SANDBOX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "http://localhost")
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    yield
    settings.cache_clear()


def connect(engine: Engine, user: User, number: int = 1, **values: object) -> list[str]:
    """Add connections, and return their ids, newest first."""
    with session_scope(engine) as session:
        rows = [
            PlatformConnection(
                **{"user_id": user.id, "platform": "sandbox", "connection_status": "connected", "handle": f"ana{at}"}
                | {"access_token": SECRETS[0], "refresh_token": SECRETS[1]}
                | values
            )
            for at in range(number)
        ]
        session.add_all(rows)
        session.flush()
        return sorted((str(row.id) for row in rows), reverse=True)


def test_the_list_is_read_in_parts_without_a_gap(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.VIEWER)
    ids, seen, after = connect(engine, user, 5), [], None
    while True:
        params = {"limit": 2, "platform": "sandbox"} | ({"after": after} if after else {})
        answer = client.get("/api/connections", params=params)
        assert answer.json()["total"] == {"value": 5, "exact": True}
        assert not any(secret in answer.text for secret in SECRETS)
        seen += [row["id"] for row in answer.json()["items"]]
        if not (after := answer.json()["next"]):
            break
    assert seen == ids


def test_the_newest_come_first_whatever_their_ids(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.VIEWER)
    ids = connect(engine, user, 3)
    with session_scope(engine) as session:
        oldest = session.get_one(PlatformConnection, UUID(ids[0]))
        oldest.created_at -= timedelta(days=1)
    first = client.get("/api/connections", params={"limit": 2, "platform": "sandbox"}).json()
    assert [row["id"] for row in first["items"]] == ids[1:]
    with session_scope(engine) as session:  # the list goes on below a row that has gone meanwhile
        session.delete(session.get_one(PlatformConnection, UUID(ids[2])))
    rest = client.get("/api/connections", params={"limit": 2, "platform": "sandbox", "after": first["next"]}).json()
    assert ([row["id"] for row in rest["items"]], rest["next"]) == ([ids[0]], None)


def test_filters_find_exactly_theirs(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.VIEWER)
    other = signed_in(Role.MEMBER)[1]
    [failed] = connect(engine, user, connection_status="failed")
    connect(engine, other)

    def found(**params: str) -> set[str]:
        return {row["user_email"] for row in client.get("/api/connections", params=params).json()["items"]}

    assert found(platform="sandbox", user=other.email.upper()) == {other.email}
    assert found(platform="sandbox", user=str(other.id)) == {other.email}
    assert [row["id"] for row in client.get("/api/connections?status=failed").json()["items"]] == [failed]
    assert found(user="nobody") == found(platform="nowhere") == set()
    for wrong in ({"status": "fine"}, {"limit": "0"}, {"after": "x"}, {"kind": "x"}):
        assert client.get("/api/connections", params=wrong).status_code == 422


def test_one_connection_says_why_it_is_in_its_state(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.VIEWER)
    [connection_id] = connect(engine, user)
    answer = client.get(f"/api/connections/{connection_id}")
    assert answer.json()["sentence"] == "Sandbox is connected as ana0."
    assert not any(secret in answer.text for secret in SECRETS)
    assert client.get(f"/api/connections/{uuid4()}").status_code == 404
    member = signed_in(Role.MEMBER)[0]
    assert member.get(f"/api/connections/{connection_id}").status_code == 403
    assert member.get("/api/connections").status_code == 403


def test_consent_begins_in_a_session_and_never_by_a_token(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.MEMBER)
    answer = client.post("/api/connections", json={"provider": "sandbox"})
    assert answer.json()["authorize_url"].startswith("http://127.0.0.1:9/authorize?")
    assert client.post("/api/connections", json={"provider": "instagram"}).status_code == 200
    assert client.post("/api/connections", json={"provider": "nowhere"}).status_code == 422
    foreign = connect(engine, signed_in(Role.MEMBER)[1])[0]
    assert client.post("/api/connections", json={"provider": "sandbox", "connection": foreign}).status_code == 404
    kept = client.post("/api/connections", json={"provider": "sandbox"}, headers={"Idempotency-Key": "once"})
    assert kept.status_code == 422  # else the address with its state would be stored
    token = client.post("/api/me/tokens", json={"name": "nightly", "scope": "write"}).json()["token"]
    by_token = client.post(
        "/api/connections", json={"provider": "sandbox"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert by_token.status_code == 403
    with Session(engine) as session:
        asked = session.exec(select(Event).where(Event.name == "connection.consent_asked")).all()
    assert [event.user_id for event in asked] == [user.id] * 2


def test_a_platform_that_is_not_set_up_says_so(signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = signed_in(Role.MEMBER)
    monkeypatch.delenv("UNSTUCK_SANDBOX_URL")
    settings.cache_clear()
    answer = client.post("/api/connections", json={"provider": "instagram"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "Instagram is not set up here.")


def test_without_a_public_url_creators_come_back_to_where_they_have_left(
    signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = signed_in(Role.MEMBER)
    monkeypatch.delenv("UNSTUCK_PUBLIC_URL")
    settings.cache_clear()
    answer = client.post("/api/connections", json={"provider": "sandbox"})
    [back] = parse_qs(urlsplit(answer.json()["authorize_url"]).query)["redirect_uri"]
    assert back == f"{str(client.base_url).rstrip('/')}/connections/callback"
    sent = client.post("/api/connections", json={"provider": "sandbox", "base": "https://evil.example"})
    assert sent.status_code == 422, "the address is the console's own"


def test_what_only_consent_starts_says_what_to_do(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.SUPPORT)
    [connection_id] = connect(engine, user, connection_status="disconnected")
    answer = client.post(f"/api/connections/{connection_id}/operations/connection.connect")
    assert answer.status_code == 409
    assert "/settings/connections" in answer.json()["detail"]
    refreshed = client.post(f"/api/connections/{connection_id}/operations/connection.refresh")
    assert refreshed.status_code == 409
    with Session(engine) as session:
        assert session.exec(select(BackgroundJob)).all() == []


def test_what_only_its_creator_can_connect_again_is_not_refreshed(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.SUPPORT)
    [connection_id] = connect(engine, user, connection_status="failed", access_token=None, refresh_token=None)
    answer = client.post(f"/api/connections/{connection_id}/operations/connection.refresh")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "There is no access to Sandbox to refresh. Only its creator can connect it again, on the page Connections.",
    )
    assert "Only its creator" in run(engine, "connections", "refresh", connection_id, code=1)
    with Session(engine) as session:
        assert session.exec(select(BackgroundJob)).all() == []


def test_operations_start_by_api_and_command_line(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.SUPPORT)
    one, two, three = connect(engine, user, 3)
    answer = client.post(f"/api/connections/{one}/operations/connection.refresh", json={"reason": "asked on the phone"})
    assert answer.status_code == 202, answer.text
    assert "job_id" in run(engine, "connections", "disconnect", two, "--json")
    assert "job_id" in run(engine, "do", "connection.refresh", "--connection", three, "--json")
    with Session(engine) as session:
        jobs = session.exec(select(BackgroundJob).order_by(col(BackgroundJob.created_at))).all()
    assert [(job.kind, str(job.connection_id)) for job in jobs] == [
        ("connection.refresh", one),
        ("connection.disconnect", two),
        ("connection.refresh", three),
    ]


def run(engine: Engine, *words: str, code: int = 0) -> str:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    result = CliRunner().invoke(app, words, catch_exceptions=True)
    assert result.exit_code == code, result.output
    return str(result.output) or str(result.exception)


def test_the_command_line_lists_shows_and_makes_links(engine: Engine, signed_in: SignIn) -> None:
    _, user = signed_in(Role.MEMBER)
    [connection_id] = connect(engine, user)
    listed = json.loads(run(engine, "connections", "list", "--platform", "sandbox", "--user", user.email, "--json"))
    assert [row["id"] for row in listed] == [connection_id]
    shown = run(engine, "connection", "show", connection_id)
    assert "sentence: Sandbox is connected as ana0." in shown
    assert not any(secret in f"{listed}{shown}" for secret in SECRETS)
    link = run(engine, "connections", "connect-link", "sandbox").strip()
    assert link == "http://localhost/settings/connections?connect=sandbox"
    assert "there are instagram" in run(engine, "connections", "connect-link", "nowhere", code=1)
    assert "consent" in run(engine, "do", "connection.connect", "--connection", connection_id, code=1)
