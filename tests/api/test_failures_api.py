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
