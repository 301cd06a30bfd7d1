"""Analytics by API and command line: the same figures, typed, as a file, and written anew."""

import csv
import io
import json
import random
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta

import pytest
import typer
from click.testing import Result
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session, select
from typer.testing import CliRunner

from core.analytics.figures import By
from core.analytics.reading import analytics
from core.analytics.spans import Choice, TimeRange
from core.models import BackgroundJob, Role, User
from tests.analytics.ended_jobs import add_jobs, db_now, roll_up
from ui import cli as groups

SignIn = Callable[[Role], tuple[TestClient, User]]


@pytest.fixture
def cli(engine: Engine) -> Callable[..., Result]:
    program = typer.Typer()
    groups.install(program, lambda: nullcontext(engine))
    return lambda *words: CliRunner().invoke(program, list(words), catch_exceptions=False)


@pytest.fixture
def added_up(engine: Engine) -> Engine:
    dice = random.Random(21)
    add_jobs(engine, dice, 100, lambda: timedelta(days=10 * dice.random()))
    roll_up(engine)
    return engine


def test_the_figures_of_a_range_and_of_a_time(added_up: Engine, signed_in: SignIn) -> None:
    client, _ = signed_in(Role.VIEWER)
    found = client.get("/api/analytics?range=7d&by=queue&zone=Europe/Berlin").json()["figures"]
    with Session(added_up) as session:
        expected = analytics(session, Choice(TimeRange.WEEK), By.QUEUE, "Europe/Berlin")
    assert expected is not None
    assert found["now"]["finished"] == expected.now.finished > 0
    assert found["now"]["run"]["p95"] == expected.now.run.p95
    assert [line["name"] for line in found["lines"]] == [line.name for line in expected.lines]
    assert sum(map(sum, found["week"])) == expected.now.finished
    start = db_now(added_up) - timedelta(days=3)
    own = client.get("/api/analytics", params={"from": start.isoformat(), "kind": "demo.enable"}).json()["figures"]
    assert [line["name"] for line in own["lines"]] == ["demo.enable"]
    assert own["span"]["start"] <= start.isoformat()


def test_its_lines_are_a_file(added_up: Engine, signed_in: SignIn) -> None:
    client, _ = signed_in(Role.VIEWER)
    answer = client.get("/api/analytics/export?range=7d")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[-1]["name"] == "(all)"
    assert sum(int(row["finished"]) for row in rows[:-1]) == int(rows[-1]["finished"]) > 0


def test_before_anything_is_added_up_there_is_nothing(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.VIEWER)
    assert client.get("/api/analytics").json() == {"figures": None}
    assert client.get("/api/analytics/export").status_code == 200


@pytest.mark.parametrize(
    "query",
    ["range=3y", "by=user", "from=soon", "from=2026-11-20T10:00:00", "zone=Mars/Olympus", "kind=a%00b", "colour=red",
     "to=2026-11-20T10:00:00Z", "from=2999-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(added_up: Engine, signed_in: SignIn, query: str) -> None:
    client, _ = signed_in(Role.VIEWER)
    assert client.get(f"/api/analytics?{query}").status_code == 422


def test_members_do_not_read_it(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.MEMBER)
    assert client.get("/api/analytics").status_code == 403


def test_it_is_shown_and_rebuilt_on_the_command_line(added_up: Engine, cli: Callable[..., Result]) -> None:
    shown = json.loads(cli("analytics", "show", "--range", "7d", "--json").stdout)["figures"]
    assert shown["now"]["finished"] > 0
    assert "(all)" in cli("analytics", "show", "--by", "version").stdout
    assert cli("analytics", "show", "--csv").stdout.count("\n") >= 2
    assert cli("analytics", "rebuild", "--since", "2026-11-01").exit_code == 0
    with Session(added_up) as session:
        job = session.exec(select(BackgroundJob).where(BackgroundJob.kind == "analytics.roll_up")).one()
        assert job.args["since"].startswith("2026-")
