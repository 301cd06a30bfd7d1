"""The sample: believable, harmless, and true to the rule that a user's state follows from their last job."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core import clock, sample
from core.audit.chain.seal import seal
from core.database.engine import connect
from core.diagnosis.context import load_context
from core.diagnosis.invariants import violations
from core.diagnosis.job import explain
from core.errors import Unusable
from core.jobs import sweep
from core.jobs.failure import WORKER_GONE
from core.jobs.losses import Losses
from core.local import first_run
from core.models import BackgroundJob, Interaction, Schedule, User
from core.settings import settings
from core.slowdown import slowdowns
from tests.conftest import SECRET
from tests.factories import make_user
from tests.migrations.conftest import databases
from tests.repeats import mostly_slow
from tests.waiting import eventually

NOW = datetime.now(UTC)
#: Where no schedule by whole minutes is.
SOON = timedelta(minutes=7, seconds=3)


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def value_of(engine: Engine, query: str) -> object:
    return rows(engine, query)[0][0]


#: Users whose state is not the one in which their last job left them.
DRIFT = """
    SELECT u.demo_mode_status, j.kind, j.status FROM users u
    JOIN LATERAL (SELECT kind, status FROM background_jobs WHERE user_id = u.id
                  ORDER BY created_at DESC, id DESC LIMIT 1) j ON true
    WHERE u.demo_mode_status <> CASE
        WHEN j.status = 'failed' THEN 'failed'
        WHEN j.kind = 'demo.enable' AND j.status = 'succeeded' THEN 'enabled'
        ELSE 'disabled' END
"""


@pytest.fixture(scope="module")
def filled(server: str, template: str) -> Iterator[Engine]:
    """Return an engine on a sample that tests only read."""
    with databases(server) as make:
        engine = connect(make(template))
        sample.fill(engine, users=300, jobs=5_000, now=NOW)
        yield engine
        engine.dispose()


def test_the_sample_is_believable(filled: Engine) -> None:
    assert value_of(filled, "SELECT count(*) FROM background_jobs") == 5_000
    assert value_of(filled, "SELECT count(*) FROM background_jobs WHERE status = 'succeeded'") > 0.95 * 5_000
    assert value_of(filled, "SELECT count(DISTINCT error_fingerprint) FROM background_jobs") in range(3, 9)
    assert value_of(filled, "SELECT count(*) FROM background_jobs WHERE retry_of IS NOT NULL") > 0
    assert value_of(filled, "SELECT max(attempt) FROM background_jobs") == 3
    assert value_of(filled, "SELECT min(created_at) FROM background_jobs") < NOW - timedelta(days=28)
    kinds = {kind for (kind,) in rows(filled, "SELECT DISTINCT kind FROM background_jobs")}
    assert {"demo.enable", "demo.disable", "demo.dismiss", "maintenance.expire_sessions"} <= kinds
    assert (
        value_of(filled, "SELECT count(DISTINCT host) FROM workers JOIN background_jobs ON worker_id = workers.id") == 3
    )
    night, day = (
        value_of(filled, f"SELECT count(*) FROM background_jobs WHERE extract(hour FROM created_at) = {hour}")
        for hour in (3, 15)
    )
    assert day > 3 * night


def test_the_sample_is_counted_as_its_jobs_would_have_been(filled: Engine) -> None:
    by_hour = "date_trunc('hour', finished_at, 'UTC'), kind, queue, status"
    jobs = rows(filled, f"SELECT {by_hour}, count(*) FROM background_jobs GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4")
    counted = "SELECT hour, kind, queue, status, jobs FROM job_counters ORDER BY 1, 2, 3, 4"
    assert rows(filled, counted) == jobs


def test_the_sample_starts_no_work(filled: Engine) -> None:
    assert value_of(filled, "SELECT count(*) FROM background_jobs WHERE status IN ('queued', 'running')") == 0
    assert (
        value_of(filled, "SELECT count(*) FROM background_jobs WHERE coalesce(started_at, created_at) > finished_at")
        == 0
    )
    assert value_of(filled, "SELECT max(finished_at) FROM background_jobs") < NOW
    assert value_of(filled, "SELECT count(*) FROM workers WHERE stopped_at IS NULL") == 0


def test_doctor_finds_nothing_in_the_sample(filled: Engine) -> None:
    with Session(filled) as session:
        assert list(violations(session)) == []


def test_the_jobs_of_a_user_follow_each_other(filled: Engine) -> None:
    """Each job starts after the one before ended, from the state that it left; a retry repeats what failed."""
    steps = """
        SELECT count(*) FROM (SELECT *, lag(id) OVER past AS before, lag(kind) OVER past AS did,
            lag(status) OVER past AS ended, lag(finished_at) OVER past AS until FROM background_jobs
            WHERE user_id IS NOT NULL WINDOW past AS (PARTITION BY user_id ORDER BY created_at)) j
        WHERE created_at < until OR retry_of IS NOT NULL AND (retry_of, ended, kind) <> (before, 'failed', did)
           OR ended = 'succeeded' AND came_from <> CASE did WHEN 'demo.enable' THEN 'enabled' ELSE 'disabled' END
           OR ended = 'failed' AND came_from <> 'failed'
           OR came_from = 'enabled' AND kind <> 'demo.disable' OR came_from = 'disabled' AND kind <> 'demo.enable'
    """
    assert value_of(filled, steps) == 0


def test_the_same_numbers_make_the_same_sample(engine: Engine) -> None:
    """Ids and e-mail addresses differ; what happened, when, and how it ended does not."""
    history = "SELECT kind, status, attempt, created_at, finished_at FROM background_jobs ORDER BY created_at, kind"
    sample.fill(engine, users=100, jobs=1_500, now=NOW)
    before = rows(engine, history)
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE users, background_jobs, job_attempts CASCADE"))
    sample.fill(engine, users=100, jobs=1_500, now=NOW)
    assert rows(engine, history) == before


def test_no_users_and_no_jobs_are_possible(engine: Engine) -> None:
    sample.fill(engine, users=None, jobs=0, now=NOW)
    assert value_of(engine, "SELECT count(*) FROM users") == 200
    assert value_of(engine, "SELECT count(*) FROM background_jobs") == 0


def test_ids_carry_the_time_of_the_job(filled: Engine) -> None:
    for job_id, created in rows(filled, "SELECT id, created_at FROM background_jobs LIMIT 50"):
        assert job_id.version == 7
        assert abs((job_id.int >> 80) / 1000 - created.timestamp()) < 0.002


def test_each_user_is_in_the_state_in_which_their_last_job_left_them(engine: Engine) -> None:
    with Session(engine) as session:
        for number, state in enumerate(["enabled", "disabled", "failed"] * 10):
            made = User(email=f"{number}@example.com", demo_mode_status=state, created_at=NOW - timedelta(days=90))
            session.add(made)
            session.flush()
            if state == "enabled":
                session.add(Interaction(user_id=made.id, kind="comment", body="hi", is_demo=True))
        session.commit()
    sample.fill(engine, users=200, jobs=4_000, now=NOW)
    assert rows(engine, DRIFT) == []
    states = dict(rows(engine, "SELECT demo_mode_status, count(*) FROM users GROUP BY 1"))
    assert states["enabled"] == 10
    assert 10 < states["failed"] <= 10 + 9
    left = "SELECT count(*) FROM interactions i JOIN users u ON u.id = i.user_id WHERE demo_mode_status <> 'enabled'"
    assert value_of(engine, left) == 0


def test_a_user_with_a_job_under_way_is_left_alone(engine: Engine) -> None:
    with Session(engine) as session:
        busy = User(email="busy@example.com", demo_mode_status="enabling")
        session.add(busy)
        session.flush()
        session.add(BackgroundJob(kind="demo.enable", queue="demo", user_id=busy.id))
        session.commit()
    sample.fill(engine, users=20, jobs=200, now=NOW)
    assert value_of(engine, "SELECT count(*) FROM background_jobs j JOIN users u ON u.id = j.user_id "
                       "WHERE u.email = 'busy@example.com'") == 1  # fmt: skip


def test_events_and_attempts_tell_the_history_in_order(filled: Engine) -> None:
    assert value_of(filled, "SELECT count(*) FROM (SELECT at, lag(at) OVER (ORDER BY id) AS before FROM events) e "
                       "WHERE at < before") == 0  # fmt: skip
    untold = "SELECT count(*) FROM (SELECT id FROM background_jobs ORDER BY created_at DESC LIMIT 1000) j "
    assert value_of(filled, untold + "WHERE NOT EXISTS (SELECT FROM events WHERE job_id = j.id)") == 0
    endings = (
        "SELECT count(*) FROM job_attempts a JOIN background_jobs j ON j.id = a.job_id WHERE a.attempt = j.attempt "
    )
    ended = "CASE WHEN j.error_type = 'WorkerLost' THEN 'lost' ELSE replace(j.status, 'failed', 'error') END"
    assert value_of(filled, f"{endings} AND a.outcome <> {ended}") == 0


def test_a_failure_has_the_attempts_that_the_engine_would_have_made(filled: Engine) -> None:
    """All of them unless the code gave up, which ends a job at once; a lost worker is told as a sweep tells it."""
    early = "status = 'failed' AND error_type <> 'GiveUp' AND attempt < max_attempts"
    assert value_of(filled, f"SELECT count(*) FROM background_jobs WHERE {early}") == 0
    gave_up = "SELECT count(*) FROM job_attempts a JOIN background_jobs j ON j.id = a.job_id WHERE a.token < j.token "
    assert value_of(filled, gave_up + "AND a.error_type = 'GiveUp'") == 0
    lost = "FROM job_attempts a JOIN background_jobs j ON j.id = a.job_id WHERE j.error_type = 'WorkerLost'"
    told = rows(filled, f"SELECT DISTINCT a.token, outcome, a.error_message {lost} ORDER BY 1")
    final = sweep._final_loss(sweep.Orphan(UUID(int=0), 3, "worker"), Losses(in_place=2))
    assert told == [(1, "lost", WORKER_GONE.message), (2, "lost", WORKER_GONE.message), (3, "lost", final.message)]
    in_group = "SELECT DISTINCT error_traceback, error_fingerprint FROM background_jobs WHERE error_type = 'WorkerLost'"
    assert rows(filled, in_group) == [(final.traceback, final.fingerprint)]
    rescues = "SELECT count(*) FROM events e JOIN background_jobs j ON j.id = e.job_id WHERE error_type = 'WorkerLost' "
    assert (
        value_of(filled, rescues + "AND e.name = 'job.rescued'") == 2 * value_of(filled, f"SELECT count(*) {lost}") / 3
    )
    assert value_of(filled, rescues + "AND e.name = 'job.retrying'") == 0


def test_a_job_of_the_sample_that_lost_each_worker_is_for_the_admins(filled: Engine) -> None:
    """Of the newest such job, nothing is said that its attempts belie, and a retry is not what is recommended."""
    newest = "SELECT id FROM background_jobs WHERE error_type = 'WorkerLost' ORDER BY created_at DESC LIMIT 1"
    with Session(filled) as session:
        context = load_context(session, session.get_one(BackgroundJob, value_of(filled, newest)))
        diagnosis = explain(replace(context, is_settled=False))
    assert "3 of 3 attempts were made." in diagnosis.evidence
    assert diagnosis.for_admins
    assert diagnosis.remedy is None or diagnosis.remedy.command != "job.retry"


@pytest.mark.slow
def test_a_large_sample_leaves_the_table_with_all_its_indexes_and_keys(engine: Engine) -> None:
    shape = "SELECT indexdef FROM pg_indexes WHERE tablename = 'background_jobs' ORDER BY 1"
    of_jobs = "conrelid = 'background_jobs'::regclass"
    keys = f"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE {of_jobs} ORDER BY 1"
    before = rows(engine, shape), rows(engine, keys)
    sample.fill(engine, users=500, jobs=25_000, now=NOW)
    assert (rows(engine, shape), rows(engine, keys)) == before


def test_a_database_with_jobs_is_refused_but_not_for_those_of_schedules(engine: Engine) -> None:
    with Session(engine) as session:
        session.add(BackgroundJob(kind="analytics.roll_up", queue="maintenance", schedule_id=uuid4()))
        session.commit()
    sample.refuse_if_not_empty(engine)
    sample.fill(engine, users=5, jobs=10, now=NOW)
    with pytest.raises(Unusable, match="--force"):
        sample.refuse_if_not_empty(engine)


@pytest.mark.parametrize("later", mostly_slow([timedelta(hours=1), timedelta(), timedelta(days=-2)], fast=1))
def test_a_used_database_keeps_every_invariant(engine: Engine, later: timedelta) -> None:
    """Of users with jobs of their own, the latest job tells the state, whether the sample's are newer or older."""
    sample.fill(engine, users=200, jobs=1_000, now=NOW)
    sample.fill(engine, users=None, jobs=1_000, now=NOW + later)
    with Session(engine) as session:
        assert [violation.invariant.name for violation in violations(session)] == []


def test_a_production_database_is_refused_even_by_force(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSTUCK_ENVIRONMENT", " Production")
    settings.cache_clear()
    with pytest.raises(Unusable, match="UNSTUCK_ENVIRONMENT is production"):
        sample.fill(engine, users=5, jobs=10, now=NOW)
    monkeypatch.undo()
    settings.cache_clear()
    assert value_of(engine, "SELECT count(*) FROM users") == 0


def test_the_first_screen_of_a_new_installation_warns_of_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    with Session(engine) as session:
        make_user(session)
        session.commit()
    sealings: list[tuple[Any, ...]] = []
    monkeypatch.setattr(first_run, "seal", lambda *given: sealings.append(given))
    first_run.fill_history(engine, lambda _: None)

    def warns_of_nothing() -> bool:
        seal(*sealings[0])  # an open transaction of another test, on the same server, puts it off
        with Session(engine) as session:
            return slowdowns(session) == []

    eventually(warns_of_nothing)


def test_the_access_of_the_sample_ends_over_hours_and_not_at_once(empty_database_url: str) -> None:
    engine = connect(empty_database_url)
    first_run.load_legacy(engine)
    ends = "SELECT (token_expires_at - now() AT TIME ZONE 'UTC') AS left FROM platform_connections"
    left = sorted(each for (each,) in rows(engine, ends) if isinstance(each, timedelta))
    engine.dispose()
    assert len(left) > 100
    assert left[0] > timedelta(hours=2)
    by_hour = Counter(each // timedelta(hours=1) for each in left)
    assert max(by_hour.values()) < len(left) / 10


def test_first_runs_are_at_the_times_of_their_schedules(engine: Engine) -> None:
    with Session(engine) as session:
        make_user(session)
        session.add_all(
            Schedule(name=name, kind="maintenance.expire_sessions", cron=cron, args={}, next_due_at=clock.now() + SOON)
            for name, cron in (("often", "*/5 * * * *"), ("nightly", "45 3 * * *"))
        )
        session.commit()
    first_run.fill_history(engine, lambda _: None)
    with Session(engine) as session:
        for schedule in session.exec(select(Schedule).where(col(Schedule.name).in_(("often", "nightly")))):
            assert schedule.next_due_at is not None
            assert (schedule.next_due_at.minute % 5, schedule.next_due_at.second) == (0, 0)
