"""Failures by API: groups, one of them, and addresses that nothing has."""

from collections.abc import Callable

from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from core.models import DemoModeStatus, Role, User
from tests.factories import make_user
from tests.ui.test_failures_page import fails

SignIn = Callable[[Role], tuple[TestClient, User]]


def test_groups_and_one_of_them(engine: Engine, signed_in: SignIn) -> None:
    with Session(engine) as session:
        user = make_user(session, demo_mode_status=DemoModeStatus.FAILED)
        fails(session, user, error="slow", message="The service did not answer.")
        session.commit()
        email = user.email
    client, _ = signed_in(Role.VIEWER)
    [group] = client.get("/api/failures").json()["items"]
    assert (group["fingerprint"], group["open"], group["message"]) == ("slow", 1, "The service did not answer.")
    found = client.get("/api/failures/slow?hours=2").json()
    assert ([each["email"] for each in found["users"]], sum(found["parts"])) == ([email], 1)


def test_what_is_not_there_or_no_fingerprint_is_refused(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.VIEWER)
    assert client.get("/api/failures/nothing").status_code == 404
    assert client.get("/api/failures/%00").status_code in (404, 422)
    assert client.get(f"/api/failures/{'x' * 300}").status_code == 422
    assert client.get("/api/failures?hours=0").status_code == 422
    member, _ = signed_in(Role.MEMBER)
    assert member.get("/api/failures").status_code == 403


def test_an_error_is_resolved_listed_apart_and_reopened(engine: Engine, signed_in: SignIn) -> None:
    with Session(engine) as session:
        fails(session, None, error="slow")
        session.commit()
    client, person = signed_in(Role.SUPPORT)
    done = client.post("/api/failures/slow/resolve", json={"version": "1.5"})
    assert done.json() == {"fingerprint": "slow", "state": "resolved", "owner": None, "note": None}
    listed = client.get("/api/failures").json()
    assert (listed["items"], listed["counts"]) == ([], {"open": 0, "handled": 0, "ignored": 0, "resolved": 1})
    assert [each["state"] for each in client.get("/api/failures?state=resolved").json()["items"]] == ["resolved"]
    assert client.post("/api/failures/slow/assign", json={"owner": str(person.id)}).json()["owner"] == person.email
    assert client.post("/api/failures/slow/note", json={"text": "Deployed."}).status_code == 200
    found = client.get("/api/failures/slow").json()
    assert (found["decision"]["version"], found["decision"]["owner_id"]) == ("1.5", str(person.id))
    assert [each["text"] for each in found["notes"]] == ["Deployed."]
    assert client.post("/api/failures/slow/reopen").json()["state"] == "open"
    assert client.post("/api/failures/slow/reopen").status_code == 409


def test_what_nobody_can_mean_is_refused(engine: Engine, signed_in: SignIn) -> None:
    with Session(engine) as session:
        fails(session, None, error="slow")
        session.commit()
    client, _ = signed_in(Role.SUPPORT)
    assert client.post("/api/failures/nothing/resolve", json={}).status_code == 404
    assert client.post("/api/failures/slow/ignore", json={"hours": 1}).status_code == 422, "without a reason"
    assert client.post("/api/failures/slow/ignore", json={"hours": 0, "reason": "x"}).status_code == 422
    assert client.post("/api/failures/slow/tell", json={"title": "Hello", "text": "Hello"}).status_code == 409
    assert client.get("/api/failures?state=odd").status_code == 422
