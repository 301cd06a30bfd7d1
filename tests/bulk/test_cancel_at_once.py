"""Waiting tasks of a bulk cancel end in one statement, and are as if each had been cancelled by itself."""

from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.actor import Actor
from core.commands import bulk_run
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.models import (
    BackgroundJob,
    BulkRow,
    DemoModeStatus,
    Event,
    JobCounter,
    JobStatus,
    Role,
    RowOutcome,
    User,
)
from tests.bulk.test_bulk import add_jobs, prepared, ran

KIND = "maintenance.expire_sessions"
ADMIN = Actor(None, "admin", Role.ADMIN, "cli")
#: What differs between two jobs that have the same story.
OWN = {"id", "created_at", "run_at", "updated_at", "finished_at", "cancel_requested_at", "retry_of"}


@pytest.fixture(autouse=True)
def _lent() -> None:
    bulk_run.lend_work()


def waiting(engine: Engine, number: int, **values: object) -> list[UUID]:
    with session_scope(engine) as session:
        jobs = [BackgroundJob(kind=KIND, queue="demo", **values) for _ in range(number)]
        session.add_all(jobs)
        session.flush()
        return [each.id for each in jobs]


def story(engine: Engine, job_id: UUID) -> tuple[object, ...]:
    with Session(engine) as session:
        row = session.get_one(BackgroundJob, job_id).model_dump(exclude=OWN)
        events = session.exec(select(Event).where(Event.job_id == job_id, Event.name == "job.cancelled")).all()
        return row, [(each.name, each.actor, each.via, each.reason, each.data) for each in events]


def test_tasks_end_as_if_each_had_been_cancelled_by_itself(engine: Engine) -> None:
    [alone, *many] = waiting(engine, 5)
    perform(engine, ADMIN, CommandRequest(name="job.cancel", target=alone, reason="why not"))
    [operation] = add_jobs(engine, JobStatus.QUEUED, 1)
    [running] = waiting(engine, 1, status=JobStatus.RUNNING, token=1, attempt=1)
    [over] = waiting(engine, 1, status=JobStatus.CANCELLED)
    ids = [str(each) for each in (*many[:2], operation, running, over, *many[2:])]
    bulk = prepared(engine, ADMIN, "job.cancel", ids=ids)
    perform(engine, ADMIN, CommandRequest(name="bulk.start", target=bulk, args={}, reason="why not"))
    ran(engine)
    assert [story(engine, each) for each in many] == [story(engine, alone)] * len(many)
    with Session(engine) as session:
        assert session.get_one(BackgroundJob, operation).status is JobStatus.CANCELLED
        assert session.get_one(BackgroundJob, running).cancel_requested_at is not None
        counted = session.exec(select(JobCounter.jobs).where(JobCounter.kind == KIND)).all()
    assert sum(counted) == len(many) + 1


def test_the_rows_of_a_chunk_keep_their_outcomes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_run, "CHUNK", 100)
    tasks = [each for _ in range(2) for each in (*waiting(engine, 1), *waiting(engine, 1, status=JobStatus.CANCELLED))]
    bulk = prepared(engine, ADMIN, "job.cancel", ids=[str(each) for each in tasks])
    perform(engine, ADMIN, CommandRequest(name="bulk.start", target=bulk, args={}, reason="why not"))
    ran(engine)
    with Session(engine) as session:
        found = {row.target: row.outcome for row in session.exec(select(BulkRow))}
    assert [found[each] for each in tasks] == [RowOutcome.APPLIED, RowOutcome.SKIPPED] * 2


def test_an_operation_whose_row_names_no_machine_gives_its_user_back_too(engine: Engine) -> None:
    ids = add_jobs(engine, JobStatus.QUEUED, 2)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET machine = NULL"))
    perform(engine, ADMIN, CommandRequest(name="job.cancel", target=ids[0], reason="why not"))
    bulk = prepared(engine, ADMIN, "job.cancel", ids=[str(ids[1])])
    perform(engine, ADMIN, CommandRequest(name="bulk.start", target=bulk, args={}, reason="why not"))
    ran(engine)
    with Session(engine) as session:
        jobs = [session.get_one(BackgroundJob, each) for each in ids]
        states = [session.get_one(User, job.user_id).demo_mode_status for job in jobs]
    assert states == [DemoModeStatus.DISABLED] * 2
