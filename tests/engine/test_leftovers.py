"""Rows that nothing needs any longer end with maintenance."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session, select

from core import clock
from core.actor import ENGINE
from core.database.engine import session_scope
from core.jobs.request import request_task
from core.models import AttemptOutcome, Event, JobCounter, Worker
from core.operation import NoForm, Task, TaskWork
from core.operations import expiry
from core.operations.expiry import expire
from core.operations.maintenance import QUEUE, delete_old_jobs, expire_sessions
from tests import driving
from tests.factories import make_user


def test_workers_that_ended_long_ago_are_deleted_and_living_ones_stay(engine: Engine) -> None:
    now = clock.now()
    ages = {"stopped": {"stopped_at": now - timedelta(days=31)}, "lost": {"lost_at": now - timedelta(days=31)}}
    kept = {"new": {"stopped_at": now - timedelta(days=29)}, "living": {}}
    with session_scope(engine) as session:
        for host, times in {**ages, **kept}.items():
            started = now - timedelta(days=40)
            session.add(Worker(host=host, pid=1, threads=1, started_at=started, heartbeat_at=started, **times))
    with Session(engine) as session:
        list(expire(TaskWork(session, NoForm(), "key", 0, now)))
        assert sorted(session.exec(select(Worker.host))) == ["living", "new"]


def run_task(engine: Engine, task: Task[Any], **args: Any) -> dict[str, Any]:
    """Run a maintenance task as a worker does, and return its result."""
    with session_scope(engine) as session:
        job = request_task(session, task, task.form(**args), ENGINE).id
    held = driving.take(engine, queue=QUEUE)
    assert held is not None
    assert driving.work_on(engine, held) is AttemptOutcome.SUCCEEDED
    return driving.job_row(engine, job).result or {}


def write(engine: Engine, *statements: str) -> None:
    with session_scope(engine) as session:
        for statement in statements:
            session.connection().execute(text(statement))


def events(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return sorted(session.exec(select(Event.name).where(Event.name.startswith("is."))))


JOB = "'00000000-0000-7000-8000-000000000001'"
OLD_EVENTS = f"""
    INSERT INTO events (at, name, via, job_id) VALUES
        (now() - interval '31 days', 'is.by a person', 'api', gen_random_uuid()),
        (now() - interval '31 days', 'is.of a lost job', 'engine', gen_random_uuid()),
        (now() - interval '31 days', 'is.of a long job', 'engine', {JOB}),
        (now() - interval '31 days', 'is.of no job', 'engine', NULL),
        (now() - interval '29 days', 'is.young', 'engine', NULL)"""


def test_old_events_of_the_engine_go_when_their_job_is_gone_or_they_have_none(engine: Engine) -> None:
    write(
        engine, f"INSERT INTO background_jobs (id, kind, status) VALUES ({JOB}, 'demo.enable', 'running')", OLD_EVENTS
    )
    result = run_task(engine, delete_old_jobs)
    assert (result["jobs_deleted"], result["events_deleted"]) == (0, 2)
    assert events(engine) == ["is.by a person", "is.of a long job", "is.young"]


def test_a_deletion_goes_on_in_the_log_where_the_last_one_ended(engine: Engine) -> None:
    write(engine, OLD_EVENTS)
    first = run_task(engine, delete_old_jobs)
    write(engine, OLD_EVENTS.replace("'is.", "'is.later, "))
    second = run_task(engine, delete_old_jobs)
    assert second["events_up_to"] > first["events_up_to"]
    assert events(engine) == ["is.by a person", "is.later, by a person", "is.later, young", "is.young"]
    write(engine, "UPDATE background_jobs SET result = jsonb_build_object('events_up_to', 'odd')")
    assert run_task(engine, delete_old_jobs)["events_deleted"] == 0, "an odd result is passed over"


def test_a_deletion_of_one_kind_leaves_events_without_a_job(engine: Engine) -> None:
    write(engine, OLD_EVENTS)
    assert run_task(engine, delete_old_jobs, kind="demo.enable")["events_deleted"] == 0
    assert "is.of no job" in events(engine)


@pytest.mark.parametrize("name", ["a person", "a person, about a job"])
def test_the_database_refuses_to_delete_what_a_person_did(engine: Engine, name: str) -> None:
    write(
        engine,
        "INSERT INTO events (name, via, job_id) VALUES ('is.a person', 'console', NULL), "
        "('is.a person, about a job', 'console', gen_random_uuid()), ('is.the engine', 'engine', NULL)",
    )
    with pytest.raises(
        ProgrammingError, match="DELETE refused: events is append-only, except for events of the engine"
    ):
        write(engine, f"DELETE FROM events WHERE name IN ('is.{name}', 'is.the engine')")
    write(engine, "DELETE FROM events WHERE name = 'is.the engine'")
    assert "is.the engine" not in events(engine)
    with pytest.raises(ProgrammingError, match="UPDATE refused: events is append-only"):
        write(engine, "UPDATE events SET via = 'engine'")


def test_ticks_go_but_for_the_last_five_of_each_schedule(engine: Engine) -> None:
    write(
        engine,
        f"INSERT INTO schedules (id, name, kind, cron) VALUES ({JOB}, 'a', 'demo.enable', '0 3 * * *')",
        f"""INSERT INTO schedule_ticks (schedule_id, due_at, fired_at, outcome)
        SELECT {JOB}, at, at, 'fired' FROM generate_series(now() - interval '81 days', now(), interval '9 days') at""",
    )
    assert run_task(engine, expire_sessions)["ticks_deleted"] == 5
    write(engine, "UPDATE schedule_ticks SET fired_at = now(), due_at = due_at - interval '1 year'")
    assert run_task(engine, expire_sessions)["ticks_deleted"] == 0


def test_counters_of_old_hours_become_one_row_and_their_sums_stay(engine: Engine) -> None:
    total = text("SELECT sum(jobs)::int, sum(ran_seconds) FROM job_counters WHERE kind = 'a'")
    write(
        engine,
        """INSERT INTO job_counters (hour, kind, queue, status, shard, jobs, ran_seconds)
        SELECT date_trunc('hour', now()) - n * interval '1 day', 'a', 'q', 'failed', n % 16, 2, 0.5
        FROM generate_series(1, 60) n""",
    )
    for _ in range(2):
        run_task(engine, expire_sessions)
        with Session(engine) as session:
            assert tuple(session.connection().execute(total).one()) == (120, 30)
            hours = select(JobCounter).where(JobCounter.kind == "a", JobCounter.shard == 0, JobCounter.jobs > 2)
            assert session.exec(hours).one().jobs == 60
            assert len(session.exec(select(JobCounter).where(JobCounter.kind == "a")).all()) == 31


ENDED = {
    "user_sessions": "id, user_id, token_hash, expires_at) SELECT gen_random_uuid(), id, 'a', now() - interval '{}'",
    "sign_in_links": "user_id, token_hash, expires_at) SELECT id, 'a', now() - interval '{}'",
    "pending_sign_ins": "user_id, token_hash, expires_at) SELECT id, 'a', now() - interval '{}'",
    "idempotency_keys": "actor_id, key, fingerprint, answer, created_at) "
    "SELECT id, 'a', 'f', '{{}}', now() - interval '{}'",
    "spent_states": "state_hash, expires_at) SELECT 'a', now() - interval '{}'",
}


@pytest.mark.parametrize("table", ENDED)
def test_what_has_ended_goes_after_a_week(engine: Engine, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 1)
    with session_scope(engine) as session:
        make_user(session)
    count = text(f"SELECT count(*) FROM {table}")
    for age, left in (("6 days", 1), ("8 days", 1)):
        write(engine, f"INSERT INTO {table} ({ENDED[table].format(age)} FROM users".replace("'a'", f"'{age}'"))
        run_task(engine, expire_sessions)
        with Session(engine) as session:
            assert session.connection().scalar(count) == left
