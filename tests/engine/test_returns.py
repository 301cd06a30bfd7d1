"""A job that comes back from stopped workers: free for as long as it may be chance, and not for ever."""

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope
from core.diagnosis.invariants import violations
from core.jobs import workers
from core.jobs.losses import FREE_RETURNS
from core.models import BackgroundJob, JobStatus
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
