"""A worker's turns: many endings and claims in one statement, each with the promises that it has alone."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
from core.jobs.run import Interrupted, run
from core.models import AttemptOutcome, BackgroundJob, Event, JobAttempt, JobCounter, JobKind, JobStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from tasks import group_commit
from tasks.group_commit import BatchInterrupted, BatchRequest, GroupCommit
from tests.driving import STEP, job_row, new_worker

QUEUE = "demo"


def _outside(_: TaskWork[NoForm]) -> Steps:
    """Work somewhere else, and leave nothing to commit here."""
    return {"sent": 1}
    yield Progress(1, 1)


def _wrong(_: TaskWork[NoForm]) -> Steps:
    return {"text": "\x00"}
    yield Progress(1, 1)


outside = Task(name="test.outside", label="Outside", form=NoForm, run=_outside, role=Role.ADMIN, queue=QUEUE)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), outside.name, outside)


def ask(engine: Engine, number: int) -> list[Any]:
    with session_scope(engine) as session:
        return [one.id for one in request_tasks(session, outside, [NoForm()] * number, ENGINE)]


def claim_all(turns: GroupCommit, number: int) -> list[Claimed]:
    wishes = [BatchRequest() for _ in range(number)]
    turns._carry(wishes)
    return [wish.claimed for wish in wishes if wish.claimed]


def in_one_group(turns: GroupCommit, wishes: list[BatchRequest]) -> list[BaseException | None]:
    """Let threads bring their wishes while a first one is carried, so that they go together; return their errors."""
    with turns._carrying, ThreadPoolExecutor(len(wishes)) as threads:
        told = [threads.submit(turns.take, wish) for wish in wishes]
        while len(turns._waiting) < len(wishes):
            threading.Event().wait(0.001)
        turns._carry(turns._next_group())
        turns._carrying.release()
        errors = [each.exception() for each in told]
        turns._carrying.acquire()
    return errors


@pytest.fixture
def turns(engine: Engine) -> GroupCommit:
    worker = new_worker(engine)
    return GroupCommit(engine, QUEUE, lambda: worker)


def ending(held: Claimed, **result: Any) -> BatchRequest:
    return BatchRequest(Ended(held.id, held.token, json.dumps(result) if result else None))


def test_threads_that_end_together_share_a_transaction_and_each_has_its_own_result(
    engine: Engine, turns: GroupCommit
) -> None:
    ask(engine, 7)
    held = claim_all(turns, 4)
    assert in_one_group(turns, [ending(one, n=number) for number, one in enumerate(held)]) == [None] * 4
    with Session(engine) as session:
        ended = session.exec(select(BackgroundJob).where(col(BackgroundJob.status) == JobStatus.SUCCEEDED)).all()
        assert {job.id: job.result for job in ended} == {one.id: {"n": number} for number, one in enumerate(held)}
        assert len({job.finished_at for job in ended}) == 1
        outcomes = session.exec(select(JobAttempt.outcome).where(col(JobAttempt.job_id).in_([j.id for j in ended])))
        assert set(outcomes) == {AttemptOutcome.SUCCEEDED}
        told = session.exec(select(Event.job_id).where(Event.name == "job.succeeded")).all()
        assert sorted(map(str, told)) == sorted(str(one.id) for one in held)
        assert session.exec(select(func.sum(JobCounter.jobs))).one() == 4


def test_each_thread_gets_a_job_of_its_own_while_there_are_any(engine: Engine, turns: GroupCommit) -> None:
    asked = ask(engine, 7)
    held = claim_all(turns, 4)
    wishes = [ending(one) for one in held]
    assert in_one_group(turns, wishes) == [None] * 4
    following = [wish.claimed.id for wish in wishes if wish.claimed]
    assert sorted([one.id for one in held] + following) == sorted(asked)


def test_the_most_urgent_are_taken_first(engine: Engine, turns: GroupCommit) -> None:
    asked = ask(engine, 5)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET priority = -1 WHERE id = :id"), {"id": asked[3]})
    assert [one.id for one in claim_all(turns, 2)] == [asked[3], asked[0]]


@pytest.mark.parametrize(
    "harm",
    ["token = 9", "status = 'succeeded', finished_at = now()", "cancel_requested_at = now()"],
    ids=["another holder", "ended already", "asked to stop"],
)
def test_who_may_not_write_writes_nothing_and_the_others_do(engine: Engine, turns: GroupCommit, harm: str) -> None:
    ask(engine, 3)
    first, second, third = claim_all(turns, 3)
    with session_scope(engine) as session:
        session.connection().execute(text(f"UPDATE background_jobs SET {harm} WHERE id = :id"), {"id": second.id})
    before = job_row(engine, second.id)
    errors = in_one_group(turns, [ending(first), ending(second, mine=True), ending(third)])
    assert [type(error) for error in errors] == [type(None), LeaseLost, type(None)]
    assert job_row(engine, second.id) == before
    assert {job_row(engine, one.id).status for one in (first, third)} == {JobStatus.SUCCEEDED}


def test_a_locked_row_is_nobody_elses_trouble(engine: Engine, database_url: str) -> None:
    impatient = connect(database_url, options="-c lock_timeout=200")
    worker = new_worker(engine)
    turns = GroupCommit(impatient, QUEUE, lambda: worker)
    ask(engine, 3)
    first, second, third = claim_all(turns, 3)
    with session_scope(engine) as session:
        session.connection().execute(text("SELECT FROM background_jobs WHERE id = :id FOR UPDATE"), {"id": second.id})
        errors = in_one_group(turns, [ending(first), ending(second), ending(third)])
    impatient.dispose()
    assert [isinstance(error, SQLAlchemyError) for error in errors] == [False, True, False]
    assert [job_row(engine, one.id).status.value for one in (first, second, third)] == [
        "succeeded",
        "running",
        "succeeded",
    ]


def test_a_result_that_is_none_is_nobody_elses_trouble(engine: Engine, turns: GroupCommit) -> None:
    ask(engine, 3)
    first, second, third = claim_all(turns, 3)
    wrong = BatchRequest(Ended(second.id, second.token, '{"text": "\\u0000"}'))
    errors = in_one_group(turns, [ending(first), wrong, ending(third)])
    assert [isinstance(error, DBAPIError) for error in errors] == [False, True, False]
    assert {job_row(engine, one.id).status for one in (first, third)} == {JobStatus.SUCCEEDED}


def test_a_result_that_the_database_refuses_fails_its_job(
    engine: Engine, turns: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), outside.name, replace(outside, run=_wrong, max_attempts=1))
    ask(engine, 1)
    [held] = claim_all(turns, 1)
    assert run(engine, held, STEP, lambda: False, end_by(turns)) is AttemptOutcome.ERROR


def test_an_interrupted_thread_leaves_the_others_their_jobs(
    engine: Engine, turns: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(engine, 1)
    [held] = claim_all(turns, 1)

    def interrupted(*_: Any) -> None:
        raise Interrupted

    monkeypatch.setattr(group_commit, "finish_and_claim", interrupted)
    mine, others = ending(held), ending(held)
    with pytest.raises(Interrupted):
        turns._carry([mine, others])
    assert isinstance(others.error, BatchInterrupted)
    assert others.done


def test_who_was_not_reached_before_an_interruption_does_not_believe_to_have_ended(
    engine: Engine, turns: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused group is tried one by one; the carrier is interrupted at the first."""
    ask(engine, 2)
    first, second = (ending(one) for one in claim_all(turns, 2))
    said = iter([refused_by_the_database(), Interrupted()])

    def say(*_: Any) -> None:
        raise next(said)

    monkeypatch.setattr(group_commit, "finish_and_claim", say)
    with pytest.raises(Interrupted):
        turns._carry([first, second])
    assert [type(wish.error) for wish in (first, second)] == [BatchInterrupted, BatchInterrupted]


def refused_by_the_database() -> DBAPIError:
    return OperationalError("a statement", None, psycopg.errors.LockNotAvailable())


def test_a_database_that_is_away_is_asked_once_for_all(turns: GroupCommit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def away(*_: Any) -> None:
        asked.append(1)
        raise OperationalError("a statement", None, psycopg.OperationalError("connection refused"))

    monkeypatch.setattr(group_commit, "finish_and_claim", away)
    wishes = [BatchRequest(), BatchRequest(), BatchRequest()]
    turns._carry(wishes)
    assert len(asked) == 1
    assert all(isinstance(wish.error, OperationalError) and wish.done for wish in wishes)


def test_nothing_is_claimed_while_operators_limit_a_kind(engine: Engine, turns: GroupCommit) -> None:
    ask(engine, 2)
    with session_scope(engine) as session:
        session.add(JobKind(kind="some.kind", max_running=1))
    wish = BatchRequest()
    turns.take(wish)
    assert (wish.claimed, wish.steered) == (None, True)


def test_a_worker_that_is_presumed_dead_claims_nothing(engine: Engine, turns: GroupCommit) -> None:
    ask(engine, 1)
    with session_scope(engine) as session:
        workers.deregister(session, turns.worker())
    assert claim_all(turns, 1) == []


def end_by(turns: GroupCommit) -> Callable[[Ended], None]:
    return lambda ended: turns.take(BatchRequest(ended, wants_next=False))


def test_a_chore_that_leaves_nothing_to_commit_ends_in_a_turn(engine: Engine, turns: GroupCommit) -> None:
    ask(engine, 1)
    [held] = claim_all(turns, 1)
    outcome = run(engine, held, STEP, lambda: False, end_by(turns))
    job = job_row(engine, held.id)
    assert (outcome, job.status, job.result) == (AttemptOutcome.SUCCEEDED, JobStatus.SUCCEEDED, {"sent": 1})


def test_a_cancel_that_was_accepted_before_the_turn_is_heard(engine: Engine, turns: GroupCommit) -> None:
    ask(engine, 1)
    [held] = claim_all(turns, 1)

    def cancelled_meanwhile(ended: Ended) -> None:
        with session_scope(engine) as session:
            session.connection().execute(text("UPDATE background_jobs SET cancel_requested_at = now()"))
        end_by(turns)(ended)

    assert run(engine, held, STEP, lambda: False, cancelled_meanwhile) is AttemptOutcome.CANCELLED
    assert job_row(engine, held.id).status is JobStatus.CANCELLED


def test_a_database_that_is_away_in_a_turn_spends_no_attempt(engine: Engine, turns: GroupCommit) -> None:
    ask(engine, 1)
    [held] = claim_all(turns, 1)

    def away(_: Ended) -> None:
        raise BatchInterrupted("away")

    with pytest.raises(SQLAlchemyError):
        run(engine, held, STEP, lambda: False, away)
    assert job_row(engine, held.id).status is JobStatus.RUNNING
