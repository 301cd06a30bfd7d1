"""The users of one cause, by API and command line: who they are, and what the page says above them."""

import json
from collections.abc import Callable
from contextlib import nullcontext

import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session
from typer.testing import CliRunner

from core.models import DemoModeStatus, Role, User
from tests.factories import make_user
from tests.ui.test_failures_page import fails
from ui import cli

SignIn = Callable[[Role], tuple[TestClient, User]]


def test_the_api_and_the_command_line_know_the_users_of_a_cause_as_the_page_does(
    engine: Engine, signed_in: SignIn
) -> None:
    with Session(engine) as session:
        hit = [make_user(session, demo_mode_status=DemoModeStatus.FAILED) for _ in range(3)]
        first, _, _ = [fails(session, user, hours=4 - place) for place, user in enumerate(hit)]
        fails(session, make_user(session, demo_mode_status=DemoModeStatus.FAILED), error="other")
        emails, since = {user.email for user in hit}, first.finished_at
        session.commit()
    client, _ = signed_in(Role.VIEWER)
    found = client.get("/api/users", params={"situation": "failed", "because": "busy"}).json()
    assert {each["email"] for each in found["items"]} == emails
    group = found["group"]
    assert (group["users"], group["cause"], group["paused_at"]) == (3, "503", None)
    assert since.isoformat() == group["since"].replace("Z", "+00:00")
    assert client.get("/api/users?situation=failed").json()["group"] is None
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    asked = ["users", "list", "--situation", "failed", "--because", "busy", "--json"]
    listed = json.loads(CliRunner().invoke(app, asked, catch_exceptions=False).output)
    assert {each["email"] for each in listed} == emails
