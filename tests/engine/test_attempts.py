"""An attempt is in its job's row while it runs, and gets a row of its own when it ends, whatever ends it."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.database.engine import session_scope
from core.job_list.attempts import job_attempts
from core.jobs import finish, workers
from core.jobs.cancel import cancel
from core.jobs.claim import Claimed
from core.jobs.failure import failure_of
from core.jobs.run import run
from core.jobs.sweep import Orphan, rescue
from core.models import AttemptOutcome, BackgroundJob, JobAttempt, JobStatus
from core.operations import demo
from tests.driving import STEP, ask, job_row, must_take, prepare
from tests.factories import SUPPORT

Ending = Callable[[Session, BackgroundJob], object]
ENDINGS: dict[str, tuple[AttemptOutcome, Ending]] = {
    "error": (AttemptOutcome.ERROR, lambda session, job: finish.fail_or_retry(session, job, failure_of(OSError("no")))),
    "failure": (AttemptOutcome.ERROR, lambda session, job: finish.fail(session, job, failure_of(OSError("no")))),
    "cancel": (AttemptOutcome.CANCELLED, lambda session, job: finish.settle(session, job, finish.cancelled(job))),
    "hand-back": (AttemptOutcome.HANDED_BACK, finish.release),
    "release by the heartbeat": (
        AttemptOutcome.HANDED_BACK,
        lambda session, job: workers.release(session, job.id, job.token),
    ),
    "loss of the worker": (
        AttemptOutcome.LOST,
        lambda session, job: rescue(session, Orphan(job.id, job.token, "worker")),
    ),
}


@pytest.fixture
def held(engine: Engine) -> Claimed:
    ask(engine, demo.enable, prepare(engine, demo.enable), {"preset": "nano"})
    return must_take(engine)


def attempts_of(engine: Engine, job_id: UUID) -> list[JobAttempt]:
    with Session(engine) as session:
        return job_attempts(session, job_id, 100)


def rows(engine: Engine) -> list[JobAttempt]:
    with Session(engine) as session:
        return list(session.exec(select(JobAttempt)))


def test_a_running_attempt_is_listed_and_has_no_row(engine: Engine, held: Claimed) -> None:
    job = job_row(engine, held.id)
    [attempt] = attempts_of(engine, held.id)
    assert (attempt.token, attempt.attempt, attempt.worker_id) == (job.token, 1, job.worker_id)
    assert (attempt.outcome, attempt.started_at, attempt.finished_at) == (AttemptOutcome.RUNNING, job.claimed_at, None)
    assert rows(engine) == []


@pytest.mark.parametrize("name", ENDINGS)
def test_each_ending_writes_the_attempt_with_its_worker_its_times_and_its_outcome(
    engine: Engine, held: Claimed, name: str
) -> None:
    outcome, end = ENDINGS[name]
    was = job_row(engine, held.id)
    with session_scope(engine) as session:
        end(session, session.get_one(BackgroundJob, held.id))
    [row] = rows(engine)
    assert (row.token, row.attempt, row.outcome) == (1, 1, outcome)
    assert (row.worker_id, row.started_at) == (was.worker_id, was.claimed_at)
    assert row.finished_at is not None
    assert [each.outcome for each in attempts_of(engine, held.id)] == [outcome]


def test_a_second_attempt_begins_when_it_is_claimed_and_is_listed_first(engine: Engine, held: Claimed) -> None:
    with session_scope(engine) as session:
        finish.release(session, session.get_one(BackgroundJob, held.id))
    again = must_take(engine)
    running, ended = attempts_of(engine, held.id)
    assert (running.token, running.outcome) == (again.token, AttemptOutcome.RUNNING)
    assert (ended.token, ended.outcome) == (held.token, AttemptOutcome.HANDED_BACK)
    assert ended.finished_at is not None
    assert running.started_at >= ended.finished_at
    with Session(engine) as session:
        older = job_attempts(session, held.id, 1, 1)
    assert [each.token for each in older] == [held.token]


def test_a_success_stays_in_its_jobs_row_and_is_listed_with_its_worker_and_its_times(
    engine: Engine, held: Claimed
) -> None:
    was = job_row(engine, held.id)
    assert run(engine, held, STEP, lambda: False) is AttemptOutcome.SUCCEEDED
    job = job_row(engine, held.id)
    [attempt] = attempts_of(engine, held.id)
    assert (attempt.outcome, attempt.token, attempt.attempt) == (AttemptOutcome.SUCCEEDED, 1, 1)
    assert (attempt.worker_id, attempt.started_at, attempt.finished_at) == (
        was.worker_id,
        was.claimed_at,
        job.finished_at,
    )
    assert rows(engine) == []


def test_a_success_that_a_worker_of_an_earlier_release_has_inserted_is_listed_once(
    engine: Engine, held: Claimed
) -> None:
    run(engine, held, STEP, lambda: False)
    with session_scope(engine) as session:
        session.add(JobAttempt(job_id=held.id, token=held.token, attempt=1, outcome=AttemptOutcome.SUCCEEDED))
    assert [each.outcome for each in attempts_of(engine, held.id)] == [AttemptOutcome.SUCCEEDED]


def test_a_job_that_is_cancelled_before_it_starts_has_no_attempt(engine: Engine) -> None:
    job_id = ask(engine, demo.enable, prepare(engine, demo.enable), {"preset": "nano"})
    with session_scope(engine) as session:
        cancel(session, job_id, SUPPORT)
    assert job_row(engine, job_id).status is JobStatus.CANCELLED
    assert attempts_of(engine, job_id) == []


def test_an_attempt_that_a_worker_of_an_earlier_release_has_inserted_is_ended_and_listed_once(
    engine: Engine, held: Claimed
) -> None:
    began = job_row(engine, held.id).created_at - timedelta(hours=1)
    with session_scope(engine) as session:
        session.add(JobAttempt(job_id=held.id, token=held.token, attempt=1, started_at=began))
    assert [each.started_at for each in attempts_of(engine, held.id)] == [began]
    with session_scope(engine) as session:
        rescue(session, Orphan(held.id, held.token, "worker"))
    [row] = rows(engine)
    assert (row.outcome, row.started_at, row.finished_at is None) == (AttemptOutcome.LOST, began, False)


def test_an_attempt_that_has_ended_is_never_written_again(engine: Engine, held: Claimed) -> None:
    """Whatever else is wrong with the job's row: a second ending under the same token leaves the first one."""
    with session_scope(engine) as session:
        finish.release(session, session.get_one(BackgroundJob, held.id))
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET status = 'running'"))
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(OSError("again")))
    assert [row.outcome for row in rows(engine)] == [AttemptOutcome.HANDED_BACK]
