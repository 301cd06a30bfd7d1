"""A job that comes back from stopped workers: free for as long as it may be chance, and not for ever."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.database.engine import session_scope
from core.diagnosis.invariants import violations
from core.jobs import abandon, sweep, workers
from core.jobs.losses import FREE_RETURNS
from core.models import BackgroundJob, JobStatus
from tasks import sweeper, worker
from tests import driving


def come_back(engine: Engine) -> BackgroundJob:
    """Let a worker take the next job and stop before the job has come any further."""
    held = driving.must_take(engine)
    with session_scope(engine) as session:
        workers.release(session, held.id, held.token)
    return driving.job_row(engine, held.id)


@pytest.fixture
def user(engine: Engine) -> object:
    kind = driving.BY_NAME["demo.enable"]
    user = driving.prepare(engine, kind)
    driving.ask(engine, kind, user, {"preset": "nano"})
    return user


def test_a_job_that_comes_back_for_ever_spends_its_attempts_at_last(engine: Engine, user: object) -> None:
    assert {come_back(engine).attempt for _ in range(FREE_RETURNS)} == {0}, "so many stops prove nothing"
    spent = []
    while (job := come_back(engine)).status is JobStatus.QUEUED:
        spent.append(job.attempt)
    assert (spent, job.status) == ([1, 2], JobStatus.FAILED)
    assert "stopped 13 times before the job came any further" in (job.error_message or "")
    assert driving.picture(engine, user)["state"] == "failed"
    with Session(engine) as session:
        assert list(violations(session)) == []


def test_a_job_that_comes_further_between_two_stops_spends_no_attempt(engine: Engine, user: object) -> None:
    for done in range(2 * FREE_RETURNS):
        held = driving.must_take(engine)
        with session_scope(engine) as session:
            session.get_one(BackgroundJob, held.id).progress_done = done
        with session_scope(engine) as session:
            workers.release(session, held.id, held.token)
        assert driving.job_row(engine, held.id).attempt == 0


@contextmanager
def locked(engine: Engine, table: str) -> Iterator[None]:
    """Let another transaction hold locks on all rows of a table, as that of a frozen worker does."""
    with engine.connect() as connection:
        connection.execute(text(f"SELECT FROM {table} FOR UPDATE"))
        yield
        connection.rollback()


def half_done(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> driving.Claimed:
    """Let a worker hold a job of which two steps are done."""
    held = driving.must_take(engine)
    with monkeypatch.context() as patch:
        driving.at_checkpoint(patch, 1, after=driving.die(patch))
        with pytest.raises(driving.Killed):
            driving.work_on(engine, held)
    return held


def test_an_accepted_cancel_waits_for_rows_that_are_locked_and_takes_the_work_back(
    engine: Engine, user: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = half_done(engine, monkeypatch)
    driving.ask_to_cancel(engine, held.id)
    orphan = sweep.Orphan(held.id, held.token, "worker")
    with locked(engine, "interactions"):
        sweeper.rescue(engine, orphan)
        assert driving.job_row(engine, held.id).status is JobStatus.RUNNING
    sweeper.rescue(engine, orphan)
    assert driving.job_row(engine, held.id).status is JobStatus.CANCELLED
    assert driving.picture(engine, user)["interactions"] == []


def a_drain(engine: Engine, *held: driving.Claimed) -> Any:
    """Return as much of a worker process as holds jobs."""
    worker_id = driving.job_row(engine, held[0].id).worker_id
    carrier = SimpleNamespace(unwritten=list, stop=lambda: None)
    registry = SimpleNamespace(held=lambda: {(each.id, each.token): None for each in held})
    return SimpleNamespace(engine=engine, registry=registry, carrier=carrier, worker_id=worker_id)


def test_a_worker_that_stops_beside_locked_rows_returns_its_other_jobs_and_spends_no_attempt(
    engine: Engine, user: object
) -> None:
    kind = driving.BY_NAME["demo.enable"]
    other_user = driving.prepare(engine, kind)
    driving.ask(engine, kind, other_user, {"preset": "nano"})
    worker_id = driving.new_worker(engine)
    locked_job, other = (driving.must_take(engine, worker_id) for _ in range(2))
    with engine.connect() as connection:
        connection.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": user})
        worker._leave(a_drain(engine, locked_job, other), SimpleNamespace(stop=lambda **_: None))  # type: ignore[arg-type]
        assert driving.job_row(engine, other.id).status is JobStatus.QUEUED
        connection.rollback()
    with Session(engine) as session:
        [orphan] = sweep.orphans(session)
    sweeper.rescue(engine, orphan)
    rows = [driving.job_row(engine, each.id) for each in (locked_job, other)]
    assert [(row.status, row.attempt, row.error_type) for row in rows] == [(JobStatus.QUEUED, 0, None)] * 2


@pytest.mark.parametrize("change", [workers.release, partial(abandon.abandon, patience=timedelta())])
def test_who_looks_after_many_jobs_waits_a_second_at_most_for_the_rows_of_one(
    engine: Engine, user: object, change: Callable[[Session, UUID, int], object]
) -> None:
    held = driving.must_take(engine)
    with Session(engine) as session:
        change(session, held.id, held.token)
        assert session.connection().scalar(text("SHOW lock_timeout")) == "1s"
