"""A person's sessions: seen and ended by the person and by admins, and recorded with the person who ended them."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core import bus
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.models import Event, Role, User
from core.people import auth
from core.people.auth import Visitor
from core.people.sessions import device_of
from tests.factories import ADMIN
from ui import access

SignIn = Callable[[Role], tuple[TestClient, User]]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[bus.Changes]:
    """Return the changes that open screens receive."""
    announced: list[bus.Changes] = []

    class RecordingBus(bus.NullBus):
        def publish(self, changes: bus.Changes) -> None:
            announced.append(changes)

    monkeypatch.setattr(bus, "_bus", RecordingBus())
    return announced


@pytest.fixture
def elsewhere(engine: Engine, anonymous: TestClient) -> Callable[[User], TestClient]:
    """Return a function that signs a person in on another device."""

    def sign_in(user: User) -> TestClient:
        with session_scope(engine) as session:
            link = auth.make_link(session, session.get_one(User, user.id))
        with session_scope(engine) as session:
            token = auth.sign_in_by_link(session, link, Visitor(FIREFOX, "203.0.113.9"))
        client = TestClient(anonymous.app, base_url="http://localhost", follow_redirects=False)
        client.cookies.set(access.cookie_name(), token)
        return client

    return sign_in


Elsewhere = Callable[[User], TestClient]


def ended_events(engine: Engine, user: User) -> list[Event]:
    with Session(engine) as session:
        return list(session.exec(select(Event).where(Event.user_id == user.id, col(Event.name) == "session.ended")))


def test_people_see_where_they_are_signed_in_and_end_another_session(
    signed_in: SignIn, elsewhere: Elsewhere, engine: Engine, announced: list[bus.Changes]
) -> None:
    here, user = signed_in(Role.MEMBER)
    there = elsewhere(user)
    lines = here.get("/api/me/sessions").json()["items"]
    assert sorted((line["device"], line["ip"], line["current"]) for line in lines) == [
        ("Firefox on Linux", "203.0.113.9", False),
        ("Unknown device", "", True),
    ]
    other = next(line["id"] for line in lines if not line["current"])
    announced.clear()
    assert here.delete(f"/api/me/sessions/{other}").status_code == 200
    assert (there.get("/api/me").status_code, here.get("/api/me").status_code) == (401, 200)
    assert any(user.id in changes.users for changes in announced)
    (event,) = ended_events(engine, user)
    assert (event.actor, event.data["how"], event.data["session"]) == (user.email, "revoked", other)


def test_signing_out_everywhere_else_keeps_the_present_session(signed_in: SignIn, elsewhere: Elsewhere) -> None:
    here, user = signed_in(Role.MEMBER)
    others = [elsewhere(user) for _ in range(3)]
    assert here.delete("/api/me/sessions").json() == {"ended": 3}
    assert [client.get("/api/me").status_code for client in others] == [401] * 3
    assert here.get("/api/me").status_code == 200


def test_only_an_admin_sees_and_ends_another_persons_sessions(
    signed_in: SignIn, elsewhere: Elsewhere, engine: Engine
) -> None:
    support, _ = signed_in(Role.SUPPORT)
    admin, ada = signed_in(Role.ADMIN)
    here, user = signed_in(Role.MEMBER)
    session_id = here.get("/api/me/sessions").json()["items"][0]["id"]
    assert support.delete(f"/api/me/sessions/{session_id}").status_code == 404
    assert support.get(f"/api/users/{user.id}/sessions").status_code == 403
    assert support.delete(f"/api/users/{user.id}/sessions/{session_id}").status_code == 403
    assert support.delete(f"/api/users/{user.id}/sessions/{uuid4()}").status_code == 403, "nor learns which there are"
    assert support.delete(f"/api/users/{user.id}/sessions").status_code == 403
    assert admin.delete(f"/api/users/{ada.id}/sessions/{session_id}").status_code == 404
    assert here.get("/api/me").status_code == 200
    assert admin.get(f"/api/users/{user.id}/sessions").json()["items"][0]["id"] == session_id
    assert admin.delete(f"/api/users/{user.id}/sessions/{session_id}?reason=lost+phone").status_code == 200
    assert here.get("/api/me").status_code == 401
    (event,) = ended_events(engine, user)
    assert (event.actor, event.reason) == (ada.email, "lost phone")


def test_an_admin_ends_all_of_a_persons_sessions(signed_in: SignIn, elsewhere: Elsewhere) -> None:
    admin, _ = signed_in(Role.ADMIN)
    here, user = signed_in(Role.SUPPORT)
    there = elsewhere(user)
    assert admin.delete(f"/api/users/{user.id}/sessions").json() == {"ended": 2}
    assert {client.get("/api/me").status_code for client in (here, there)} == {401}
    assert admin.delete(f"/api/users/{uuid4()}/sessions/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("name", "args", "how"),
    [("operator.role", {"role": "viewer"}, "role changed"), ("operator.disable", {}, "disabled")],
)
def test_a_lost_role_or_a_disabled_person_loses_sessions_and_links_and_open_screens_follow(
    signed_in: SignIn,
    anonymous: TestClient,
    engine: Engine,
    announced: list[bus.Changes],
    name: str,
    args: dict[str, str],
    how: str,
) -> None:
    client, user = signed_in(Role.SUPPORT)
    with session_scope(engine) as session:
        link = auth.make_link(session, session.get_one(User, user.id))
    announced.clear()
    perform(engine, ADMIN, CommandRequest(name=name, target=user.id, args=args, reason="left"))
    assert client.get("/api/me").status_code == 401
    assert any(user.id in changes.users for changes in announced)
    assert [event.data["how"] for event in ended_events(engine, user)] == [how]
    assert anonymous.post(f"/login/{link}").status_code == 401


def test_a_person_who_is_enabled_again_signs_in_anew(signed_in: SignIn, engine: Engine, anonymous: TestClient) -> None:
    client, user = signed_in(Role.SUPPORT)
    perform(engine, ADMIN, CommandRequest(name="operator.disable", target=user.id, reason="left"))
    perform(engine, ADMIN, CommandRequest(name="operator.enable", target=user.id))
    assert client.get("/api/me").status_code == 401
    link = perform(engine, ADMIN, CommandRequest(name="operator.link", target=user.id))["link"]
    assert anonymous.post(link).status_code == 303


@pytest.mark.parametrize("way", ["/api/auth/logout", "/logout"])
def test_signing_out_and_a_new_password_reach_open_screens(
    signed_in: SignIn, engine: Engine, announced: list[bus.Changes], way: str
) -> None:
    client, user = signed_in(Role.MEMBER)
    announced.clear()
    client.post("/api/me/password", json={"password": "correct horse battery"})
    assert any(user.id in changes.users for changes in announced)
    announced.clear()
    client.post(way)
    assert any(user.id in changes.users for changes in announced)
    assert [event.data["how"] for event in ended_events(engine, user)] == ["signed out"]


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.14.1", "curl"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_named_as_its_owner_would_name_it(agent: str, device: str) -> None:
    assert device_of(agent) == device


@pytest.mark.parametrize(("role", "shows_origin"), [(Role.VIEWER, False), (Role.SUPPORT, False), (Role.ADMIN, True)])
def test_only_admins_see_where_a_person_signs_in_from(
    signed_in: SignIn, elsewhere: Elsewhere, role: Role, shows_origin: bool
) -> None:
    ada = signed_in(Role.ADMIN)[1]
    elsewhere(ada)
    answer = signed_in(role)[0].get(f"/api/users/{ada.id}/timeline")
    assert "session.started" in answer.text
    assert ("Firefox on Linux" in answer.text, '"ip"' in answer.text) == (shows_origin, shows_origin)


@pytest.mark.parametrize("since", ["interval '400 days'", "interval '1 day'"])
def test_a_session_of_a_clock_that_stood_in_the_future_is_over(signed_in: SignIn, engine: Engine, since: str) -> None:
    client, user = signed_in(Role.SUPPORT)
    assert client.get("/api/me").status_code == 200
    columns = ", ".join(f"{name} = {name} + {since}" for name in ("created_at", "last_seen_at", "expires_at"))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE user_sessions SET {columns} WHERE user_id = '{user.id}'")
    assert client.get("/api/me").status_code == 401
