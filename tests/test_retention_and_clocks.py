"""Retention and clocks: a step of the database's clock by days deletes nothing before its time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core import clock
from core.database.engine import connect, session_scope
from core.models import BackgroundJob
from core.operation import NoForm, TaskWork
from core.operations.expiry import expire
from core.operations.maintenance import DeleteForm, delete
from tests.factories import make_user
from tests.stepping import SteppingClock, stepping_clock

FORWARD = timedelta(days=40, hours=1)
#: Ages of finished jobs: kept for 30 days.
YOUNG, OLD = timedelta(days=1), timedelta(days=31)


@pytest.fixture
def stepping(database_url: str) -> Iterator[SteppingClock]:
    with stepping_clock(database_url) as stepping:
        yield stepping


@pytest.fixture
def engine(stepping: SteppingClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Return the engine of a process that has just started."""
    monkeypatch.setattr(clock, "_least", None)
    monkeypatch.setattr(clock, "_most", None)
    engine = connect(stepping.url)
    with session_scope(engine) as session:
        for age in (YOUNG, OLD):
            session.connection().execute(
                text("""INSERT INTO background_jobs (id, kind, queue, status, created_at, finished_at)
                    VALUES (gen_random_uuid(), 'demo.enable', 'demo', 'succeeded', now() - :age, now() - :age)"""),
                {"age": age},
            )
            session.connection().execute(
                text("""INSERT INTO events (name, via, at) VALUES ('job.failed', 'engine', now() - :age)"""),
                {"age": age},
            )
    yield engine
    engine.dispose()


def run(engine: Engine, task: Any, form: Any) -> dict[str, Any]:
    with session_scope(engine) as session:
        steps = task(TaskWork(session, form, "", 0, clock.now()))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return dict(end.value)


def left(engine: Engine) -> tuple[int, int]:
    with Session(engine) as session:
        events = session.connection().execute(text("SELECT count(*) FROM events")).scalar_one()
        return len(session.exec(select(BackgroundJob.id)).all()), events


def test_a_clock_that_steps_forward_by_days_deletes_only_what_is_old_by_the_time_that_passed(
    engine: Engine, stepping: SteppingClock
) -> None:
    stepping.step(FORWARD)
    result = run(engine, delete, DeleteForm())
    assert (left(engine), result["jobs_deleted"], result["events_deleted"]) == ((1, 1), 1, 1)
    assert result["detail"] == (
        "The database's clock is 40 days ahead of this worker's: whatever is younger by that was kept. "
        "Put the clock right; if it is, restart the workers."
    )
    stepping.step(-FORWARD)
    assert "detail" not in run(engine, delete, DeleteForm())
    assert left(engine) == (1, 1)


def test_a_worker_that_starts_after_the_step_goes_by_its_host_s_clock(engine: Engine, stepping: SteppingClock) -> None:
    stepping.step(FORWARD)
    clock._least = None
    engine.dispose()
    assert run(engine, delete, DeleteForm())["jobs_deleted"] == 1
    assert left(engine) == (1, 1)


def test_a_host_whose_clock_steps_with_the_database_s_goes_by_the_time_that_has_passed(
    engine: Engine, stepping: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where both are on one machine."""

    class HostClock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + FORWARD

    stepping.step(FORWARD)
    monkeypatch.setattr(clock, "datetime", HostClock)
    assert run(engine, delete, DeleteForm())["jobs_deleted"] == 1
    assert left(engine) == (1, 1)


def test_sessions_keys_and_counters_stay_too(engine: Engine, stepping: SteppingClock) -> None:
    with session_scope(engine) as session:
        user = make_user(session).id
        for statement in (
            "INSERT INTO idempotency_keys (actor_id, key, fingerprint, answer) VALUES (:user, 'x', '', '{}')",
            "INSERT INTO job_counters (hour, kind, queue, status, shard, jobs, ran_seconds) "
            "VALUES (now(), :user, 'demo', 'failed', 0, 1, 1)",
        ):
            session.connection().execute(text(statement.replace(":user", f"'{user}'")))
    stepping.step(FORWARD)
    result = run(engine, expire, NoForm())
    assert (result["keys_deleted"], "40 days ahead" in result["detail"]) == (0, True)
    with Session(engine) as session:
        hours = session.connection().execute(text("SELECT count(*) FROM job_counters WHERE hour > 'epoch'"))
        assert hours.scalar_one() == 1


@pytest.mark.parametrize("host", [timedelta(), -FORWARD])
def test_a_clock_that_steps_back_by_days_deletes_nothing_that_lives(
    engine: Engine, stepping: SteppingClock, monkeypatch: pytest.MonkeyPatch, host: timedelta
) -> None:
    """Also where the host's clock goes back with it: the time that has passed tells."""

    class HostClock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + host

    with session_scope(engine) as session:
        user = make_user(session).id
        session.connection().execute(
            text("INSERT INTO idempotency_keys (actor_id, key, fingerprint, answer) VALUES (:user, 'x', '', '{}')"),
            {"user": user},
        )
    stepping.step(-FORWARD)
    monkeypatch.setattr(clock, "datetime", HostClock)
    assert run(engine, expire, NoForm())["keys_deleted"] == 0


def test_a_clock_of_the_last_year_that_can_be_written_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_heard", "_least", "_most"):
        monkeypatch.setattr(clock, name, None)
    for at in (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)):
        clock.hear(at.timestamp())
        assert clock.now() + timedelta(days=36_500) > clock.now() - timedelta(days=365)
        assert clock.ahead(at) or clock.behind(at)


def test_a_program_that_was_away_for_long_deletes_what_is_old(engine: Engine) -> None:
    """Time that truly passed is seen by all clocks."""
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET created_at = created_at - interval '40 days'"))
        session.connection().execute(text("UPDATE background_jobs SET finished_at = finished_at - interval '40 days'"))
    result = run(engine, delete, DeleteForm())
    assert (result["jobs_deleted"], "detail" in result) == (2, False)
