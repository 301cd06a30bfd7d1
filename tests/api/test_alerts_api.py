"""Alerts by API and by command line."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from typer.testing import CliRunner

from core.models import Role, User
from tests.alerts.receiver import SECRET, json_way, receiver, set_ways
from tests.alerts.test_watching import Trouble
from ui import cli

SignIn = Callable[[Role], tuple[TestClient, User]]


def test_alerts_are_listed_snoozed_and_woken(engine: Engine, signed_in: SignIn) -> None:
    Trouble().look(engine)
    client, _ = signed_in(Role.SUPPORT)
    answer = client.get("/api/alerts").json()
    [alert] = answer["items"]
    assert (alert["rule"], alert["sentence"], alert["snoozed_until"]) == ("trouble", "Something is wrong", None)
    assert answer["over"] == []
    path = f"/api/alerts/{alert['id']}"
    assert client.post(f"{path}/snooze", json={"hours": 2}).status_code == 422
    assert client.post(f"{path}/snooze", json={"hours": 2_000, "reason": "we know"}).status_code == 422
    snoozed = client.post(f"{path}/snooze", json={"hours": 2, "reason": "we know"}).json()
    assert snoozed["snoozed_until"] is not None
    assert client.get("/api/alerts").json()["items"][0]["snooze_reason"] == "we know"
    assert client.post(f"{path}/wake").json()["snoozed_until"] is None
    assert client.post(f"{path}/wake").status_code == 409
    assert signed_in(Role.VIEWER)[0].post(f"{path}/snooze", json={"reason": "x"}).status_code == 403
    assert signed_in(Role.MEMBER)[0].get("/api/alerts").status_code == 403


@pytest.fixture
def program(engine: Engine) -> typer.Typer:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    return app


def test_the_verbs_list_and_try_the_ways(engine: Engine, program: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    Trouble().look(engine)
    run = CliRunner().invoke
    assert "Something is wrong" in run(program, ["alerts", "list"]).output
    nobody = run(program, ["alerts", "test"])
    assert nobody.exit_code == 1
    assert "UNSTUCK_ALERTS" in str(nobody.exception)
    with receiver() as told:
        set_ways(monkeypatch, alerts=json_way(told), webhooks=told.url, webhook_secret=SECRET)
        taken = run(program, ["alerts", "test"])
        assert taken.exit_code == 0
        assert "took the message." in taken.output
        assert len(told.bodies) == 2
        told.answers = [401]
        refused = run(program, ["alerts", "test"])
        assert refused.exit_code == 1
        assert ") answered 401." in str(refused.exception)
        set_ways(monkeypatch, alerts="nonsense://x")
        assert "is not understood" in str(run(program, ["alerts", "test"]).exception)
