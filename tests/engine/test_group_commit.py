"""Group commit: many endings and claims in one statement, each keeps the promises of a single one."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlmodel import Session, col, func, select

from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.errors import LeaseLost
from core.jobs import workers
from core.jobs.batch import Ended
from core.jobs.claim import Claimed
from core.jobs.request import request_tasks
from core.jobs.run import Interrupted
from core.models import AttemptOutcome, BackgroundJob, Event, JobAttempt, JobCounter, JobStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from tasks import group_commit
from tasks.group_commit import BatchInterrupted, BatchRequest, GroupCommit
from tests.driving import job_row, new_worker
from tests.waiting import eventually

QUEUE = "demo"


def _outside(_: TaskWork[NoForm]) -> Steps:
    """Work outside the database, and leave nothing to commit here."""
    return {"sent": 1}
    yield Progress(1, 1)


outside = Task(name="test.outside", label="Outside", form=NoForm, run=_outside, role=Role.ADMIN, queue=QUEUE)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), outside.name, outside)


def enqueue(engine: Engine, number: int) -> list[Any]:
    with session_scope(engine) as session:
        return [job.id for job in request_tasks(session, outside, [NoForm()] * number, ENGINE)]


def claim_all(commits: GroupCommit, number: int) -> list[Claimed]:
    requests = [BatchRequest() for _ in range(number)]
    commits._execute(requests)
    return [request.claimed for request in requests if request.claimed]


def in_one_group(commits: GroupCommit, requests: list[BatchRequest]) -> list[BaseException | None]:
    """Let threads submit their requests while another one leads, so that they share a batch; return their errors."""
    with commits._leader_lock, ThreadPoolExecutor(len(requests)) as threads:
        submitted = [threads.submit(commits.submit, request) for request in requests]
        eventually(lambda: len(commits._waiting) == len(requests))
        commits._execute(commits._next_group())
        commits._leader_lock.release()
        errors = [each.exception() for each in submitted]
        commits._leader_lock.acquire()
    return errors


@pytest.fixture
def commits(engine: Engine) -> GroupCommit:
    worker = new_worker(engine)
    return GroupCommit(engine, QUEUE, lambda: worker)


def ending(held: Claimed, **result: Any) -> BatchRequest:
    return BatchRequest(Ended(held.id, held.token, json.dumps(result) if result else None))


def test_threads_that_end_together_share_a_transaction_and_each_has_its_own_result(
    engine: Engine, commits: GroupCommit
) -> None:
    enqueue(engine, 7)
    held = claim_all(commits, 4)
    assert in_one_group(commits, [ending(claimed, n=number) for number, claimed in enumerate(held)]) == [None] * 4
    with Session(engine) as session:
        ended = session.exec(select(BackgroundJob).where(col(BackgroundJob.status) == JobStatus.SUCCEEDED)).all()
        assert {job.id: job.result for job in ended} == {
            claimed.id: {"n": number} for number, claimed in enumerate(held)
        }
        assert len({job.finished_at for job in ended}) == 1
        outcomes = session.exec(select(JobAttempt.outcome).where(col(JobAttempt.job_id).in_([j.id for j in ended])))
        assert set(outcomes) == {AttemptOutcome.SUCCEEDED}
        events = session.exec(select(Event.job_id).where(Event.name == "job.succeeded")).all()
        assert sorted(map(str, events)) == sorted(str(job.id) for job in held)
        assert session.exec(select(func.sum(JobCounter.jobs))).one() == 4


def test_each_thread_gets_a_job_of_its_own_while_there_are_any(engine: Engine, commits: GroupCommit) -> None:
    ids = enqueue(engine, 7)
    held = claim_all(commits, 4)
    requests = [ending(claimed) for claimed in held]
    assert in_one_group(commits, requests) == [None] * 4
    following = [request.claimed.id for request in requests if request.claimed]
    assert sorted([claimed.id for claimed in held] + following) == sorted(ids)


def test_a_batch_claims_the_most_urgent_jobs(engine: Engine, commits: GroupCommit) -> None:
    ids = enqueue(engine, 5)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET priority = -1 WHERE id = :id"), {"id": ids[3]})
    assert [claimed.id for claimed in claim_all(commits, 2)] == [ids[3], ids[0]]


@pytest.mark.parametrize(
    "harm",
    ["token = 9", "status = 'succeeded', finished_at = now()", "cancel_requested_at = now()"],
    ids=["another holder", "ended already", "asked to stop"],
)
def test_a_job_that_is_no_longer_held_is_not_ended_and_the_others_are(
    engine: Engine, commits: GroupCommit, harm: str
) -> None:
    enqueue(engine, 3)
    first, second, third = claim_all(commits, 3)
    with session_scope(engine) as session:
        session.connection().execute(text(f"UPDATE background_jobs SET {harm} WHERE id = :id"), {"id": second.id})
    before = job_row(engine, second.id)
    errors = in_one_group(commits, [ending(first), ending(second, late=True), ending(third)])
    assert [type(error) for error in errors] == [type(None), LeaseLost, type(None)]
    assert job_row(engine, second.id) == before
    assert {job_row(engine, claimed.id).status for claimed in (first, third)} == {JobStatus.SUCCEEDED}


def test_a_locked_row_delays_only_its_own_job(engine: Engine, database_url: str) -> None:
    impatient = connect(database_url, options="-c lock_timeout=200")
    worker = new_worker(engine)
    commits = GroupCommit(impatient, QUEUE, lambda: worker)
    enqueue(engine, 3)
    first, second, third = claim_all(commits, 3)
    with session_scope(engine) as session:
        session.connection().execute(text("SELECT FROM background_jobs WHERE id = :id FOR UPDATE"), {"id": second.id})
        errors = in_one_group(commits, [ending(first), ending(second), ending(third)])
    impatient.dispose()
    assert [isinstance(error, SQLAlchemyError) for error in errors] == [False, True, False]
    assert [job_row(engine, claimed.id).status.value for claimed in (first, second, third)] == [
        "succeeded",
        "running",
        "succeeded",
    ]


def test_an_invalid_result_refuses_only_its_own_job(engine: Engine, commits: GroupCommit) -> None:
    enqueue(engine, 3)
    first, second, third = claim_all(commits, 3)
    wrong = BatchRequest(Ended(second.id, second.token, '{"text": "\\u0000"}'))
    errors = in_one_group(commits, [ending(first), wrong, ending(third)])
    assert [isinstance(error, DBAPIError) for error in errors] == [False, True, False]
    assert {job_row(engine, claimed.id).status for claimed in (first, third)} == {JobStatus.SUCCEEDED}


def test_an_interrupted_thread_leaves_the_others_their_jobs(
    engine: Engine, commits: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(engine, 1)
    [held] = claim_all(commits, 1)

    def interrupted(*_: Any) -> None:
        raise Interrupted

    monkeypatch.setattr(group_commit, "finish_and_claim", interrupted)
    leader, other = ending(held), ending(held)
    with pytest.raises(Interrupted):
        commits._execute([leader, other])
    assert isinstance(other.error, BatchInterrupted)
    assert other.done


def test_a_thread_whose_ending_was_not_written_before_an_interruption_learns_of_it(
    engine: Engine, commits: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused group is tried one by one; the leading thread is interrupted at the first."""
    enqueue(engine, 2)
    first, second = (ending(claimed) for claimed in claim_all(commits, 2))
    errors = iter([refused_by_the_database(), Interrupted()])

    def fail(*_: Any) -> None:
        raise next(errors)

    monkeypatch.setattr(group_commit, "finish_and_claim", fail)
    with pytest.raises(Interrupted):
        commits._execute([first, second])
    assert [type(request.error) for request in (first, second)] == [BatchInterrupted, BatchInterrupted]


def refused_by_the_database() -> DBAPIError:
    return OperationalError("a statement", None, psycopg.errors.LockNotAvailable())


def test_a_database_that_is_away_is_tried_once_for_the_whole_group(
    commits: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def away(*_: Any) -> None:
        attempts.append(1)
        raise OperationalError("a statement", None, psycopg.OperationalError("connection refused"))

    monkeypatch.setattr(group_commit, "finish_and_claim", away)
    requests = [BatchRequest(), BatchRequest(), BatchRequest()]
    commits._execute(requests)
    assert len(attempts) == 1
    assert all(isinstance(request.error, OperationalError) and request.done for request in requests)


def test_a_worker_that_is_presumed_dead_claims_nothing(engine: Engine, commits: GroupCommit) -> None:
    enqueue(engine, 1)
    with session_scope(engine) as session:
        workers.deregister(session, commits.worker())
    assert claim_all(commits, 1) == []
