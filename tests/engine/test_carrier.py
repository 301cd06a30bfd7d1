"""The carrier: many endings and claims in one statement, each keeps the promises of a single one."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from dramatiq import Worker as DramatiqWorker
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, func, select

from core import bus
from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.job_list.attempts import job_attempts
from core.jobs import finish, sweep, workers
from core.jobs.batch import Ended, finish_and_claim
from core.jobs.claim import Claimed
from core.jobs.request import request_task, request_tasks
from core.jobs.result import UNSENDABLE
from core.jobs.run import end_alone
from core.models import AttemptOutcome, BackgroundJob, JobAttempt, JobCounter, JobStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from tasks import actors as actors_module
from tasks import carrier as carrier_module
from tasks.actors import Drain
from tasks.carrier import Carrier
from tasks.handed import Ending, Handed
from tasks.registry import Registry
from tasks.turns import Turns
from tasks.worker import _leave
from tests.carrying import QUEUE, all_handed, carrier_on, in_one_group
from tests.driving import REQUESTED_AT, drain, job_row, new_worker
from tests.waiting import eventually


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


def claim_all(carrier: Carrier, number: int) -> list[Claimed]:
    carrier._batch(QUEUE, [], number)
    return [handed.held for handed in all_handed(carrier) if handed.held]


@pytest.fixture
def carrier(engine: Engine) -> Carrier:
    return carrier_on(engine, new_worker(engine))


def ending(held: Claimed, **result: Any) -> Ending:
    return Ending(Handed(QUEUE, held), held, Ended(held.id, held.token, json.dumps(result) if result else None))


def left_to(carrier: Carrier) -> Ending:
    """Return the ending of a job that the process holds, and that its thread has left to the carrier."""
    held = Claimed(uuid4(), 1, 1, outside.name, {}, 0, REQUESTED_AT)
    left = ending(held)
    carrier._registry.take(held)
    carrier._running.add(left.handed)
    carrier.end(left.handed, held, left.ended)
    return left


def test_threads_that_end_together_share_a_transaction_and_each_has_its_own_result(
    engine: Engine, carrier: Carrier
) -> None:
    enqueue(engine, 7)
    held = claim_all(carrier, 4)
    assert in_one_group(carrier, [ending(claimed, n=number) for number, claimed in enumerate(held)]) == []
    with Session(engine) as session:
        ended = session.exec(select(BackgroundJob).where(col(BackgroundJob.status) == JobStatus.SUCCEEDED)).all()
        assert {job.id: job.result for job in ended} == {
            claimed.id: {"n": number} for number, claimed in enumerate(held)
        }
        assert len({job.finished_at for job in ended}) == 1
        assert {job_attempts(session, job.id, 2)[0].outcome for job in ended} == {AttemptOutcome.SUCCEEDED}
        assert session.exec(select(JobAttempt)).all() == []
        assert session.exec(select(func.sum(JobCounter.jobs))).one() == 4


def test_each_free_thread_gets_a_job_of_its_own_while_there_are_any(engine: Engine, carrier: Carrier) -> None:
    ids = enqueue(engine, 7)
    held = claim_all(carrier, 4)
    assert in_one_group(carrier, [ending(claimed) for claimed in held], 4) == []
    following = [handed.held.id for handed in all_handed(carrier) if handed.held]
    assert sorted([claimed.id for claimed in held] + following) == sorted(ids)


def test_a_batch_claims_the_most_urgent_jobs(engine: Engine, carrier: Carrier) -> None:
    ids = enqueue(engine, 5)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET priority = -1 WHERE id = :id"), {"id": ids[3]})
    assert [claimed.id for claimed in claim_all(carrier, 2)] == [ids[3], ids[0]]


@pytest.mark.parametrize(
    "harm",
    ["token = 9", "status = 'succeeded', finished_at = now()", "cancel_requested_at = now()"],
    ids=["another holder", "ended already", "asked to stop"],
)
def test_a_job_that_is_no_longer_held_is_not_ended_and_the_others_are(
    engine: Engine, carrier: Carrier, harm: str
) -> None:
    enqueue(engine, 3)
    first, second, third = claim_all(carrier, 3)
    with session_scope(engine) as session:
        session.connection().execute(text(f"UPDATE background_jobs SET {harm} WHERE id = :id"), {"id": second.id})
    before = job_row(engine, second.id)
    late = ending(second, late=True)
    assert in_one_group(carrier, [ending(first), late, ending(third)]) == [late]
    assert job_row(engine, second.id) == before
    assert {job_row(engine, claimed.id).status for claimed in (first, third)} == {JobStatus.SUCCEEDED}


def test_a_row_that_is_locked_lets_each_thread_write_its_own_ending(engine: Engine, database_url: str) -> None:
    impatient = connect(database_url, options="-c lock_timeout=50")
    carrier = carrier_on(impatient, new_worker(engine))
    enqueue(engine, 3)
    first, second, third = claim_all(carrier, 2) + claim_all(carrier, 1)
    with session_scope(engine) as session:
        session.connection().execute(text("SELECT FROM background_jobs WHERE id = :id FOR UPDATE"), {"id": second.id})
        group = [ending(first), ending(second)]
        assert in_one_group(carrier, group) == group
        assert in_one_group(carrier, [ending(third)]) == []
    impatient.dispose()
    assert [job_row(engine, claimed.id).status.value for claimed in (first, second, third)] == [
        "running",
        "running",
        "succeeded",
    ]


def test_a_refused_group_does_not_keep_its_threads_from_the_next_jobs(engine: Engine, carrier: Carrier) -> None:
    enqueue(engine, 3)
    [held] = claim_all(carrier, 1)
    wrong = Ending(Handed(QUEUE, held), held, Ended(held.id, held.token, '{"text": "\\u0000"}'))
    assert in_one_group(carrier, [wrong], 2) == [wrong]
    assert len(all_handed(carrier)) == 2


def test_no_job_is_claimed_for_a_thread_that_waits_for_a_locked_row(engine: Engine, database_url: str) -> None:
    impatient = connect(database_url, options="-c lock_timeout=50")
    carrier = carrier_on(impatient, new_worker(engine))
    enqueue(engine, 3)
    [held] = claim_all(carrier, 1)
    with session_scope(engine) as session:
        session.connection().execute(text("SELECT FROM background_jobs WHERE id = :id FOR UPDATE"), {"id": held.id})
        assert in_one_group(carrier, [left := ending(held)], 2) == [left]
        assert len(all_handed(carrier)) == 1, "one of two threads is free"
    impatient.dispose()


def _wrong(_: TaskWork[NoForm]) -> Steps:
    return {"text": "\x00"}
    yield Progress(1, 1)


def test_an_invalid_result_fails_only_its_own_job(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = replace(outside, name="test.refused", run=_wrong, max_attempts=1)
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), refused.name, refused)
    with session_scope(engine) as session:
        bad = request_task(session, refused, NoForm(), ENGINE).id
    good = enqueue(engine, 3)
    drain(Drain(engine, Registry(4), new_worker(engine)), QUEUE)
    assert job_row(engine, bad).status is JobStatus.FAILED
    assert {job_row(engine, job).status for job in good} == {JobStatus.SUCCEEDED}


def broken_connection() -> OperationalError:
    return OperationalError("a statement", None, psycopg.OperationalError("server closed the connection unexpectedly"))


def once_in(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, fail: Callable[..., Any]) -> list[int]:
    """Let `fail` answer the first call of a function, of a batch one with endings; return a list with all calls."""
    real, calls = getattr(module, name), []

    def function(*args: Any, **more: Any) -> Any:
        if name == "finish_and_claim" and not args[5]:
            return real(*args, **more)
        calls.append(1)
        return fail(real, *args, **more) if len(calls) == 1 else real(*args, **more)

    monkeypatch.setattr(module, name, function)
    return calls


def away(*_: Any, **__: Any) -> Any:
    raise broken_connection()


def unheard(real: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Write, and lose the answer."""
    real(*args, **more)
    raise broken_connection()


def defect(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the keys of the jobs that ran, once for each run."""
    ran: list[str] = []

    def note(work: TaskWork[NoForm]) -> Steps:
        ran.append(work.key)
        return {"sent": 1}
        yield Progress(1, 1)

    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), outside.name, replace(outside, run=note))
    monkeypatch.setattr(carrier_module, "RETRY", 0.01)
    monkeypatch.setattr(actors_module, "RETRY", 0.01)
    return ran


@pytest.mark.parametrize("fail", [away, unheard, defect])
@pytest.mark.parametrize(
    "place", [(carrier_module, "finish_and_claim"), (Turns, "remind"), (carrier_module, "note_end")], ids=lambda p: p[1]
)
def test_a_success_is_written_and_its_job_runs_once_whatever_befalls_the_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, runs: list[str], place: tuple[Any, str], fail: Any
) -> None:
    ids = enqueue(engine, 3)
    calls = once_in(monkeypatch, *place, fail)
    worker = Drain(engine, Registry(3), new_worker(engine), queues=[QUEUE])
    drain(worker, QUEUE)
    assert calls
    assert sorted(runs) == sorted(map(str, ids)), "each ran once"
    assert {job_row(engine, job).status for job in ids} == {JobStatus.SUCCEEDED}
    assert job_row(engine, ids[0]).result == {"sent": 1}
    assert (worker.registry.held(), worker.registry.busy) == ({}, 0)


def test_a_success_that_its_thread_cannot_write_alone_is_written_on_another_connection(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, runs: list[str]
) -> None:
    [job] = enqueue(engine, 1)
    once_in(monkeypatch, carrier_module, "finish_and_claim", defect)
    alone = once_in(monkeypatch, actors_module, "end_alone", away)
    drain(worker := Drain(engine, Registry(1), new_worker(engine)), QUEUE)
    assert (len(alone), len(runs), worker.registry.held()) == (2, 1, {})
    assert job_row(engine, job).status is JobStatus.SUCCEEDED


def test_a_success_that_waited_too_long_for_its_database_changes_nothing(engine: Engine, carrier: Carrier) -> None:
    """Its lease is the limit: the job is another worker's by then."""
    enqueue(engine, 1)
    [held] = claim_all(carrier, 1)
    with session_scope(engine) as session:
        assert sweep.rescue(session, sweep.Orphan(held.id, held.token, "worker"))
    late = ending(held, late=True)
    assert in_one_group(carrier, [late]) == [late]
    assert end_alone(engine, held, late.ended) is AttemptOutcome.LOST
    assert job_row(engine, held.id).status is JobStatus.QUEUED


def test_a_success_whose_answer_was_lost_is_no_lost_attempt(engine: Engine, carrier: Carrier) -> None:
    enqueue(engine, 1)
    [held] = claim_all(carrier, 1)
    assert in_one_group(carrier, [written := ending(held)]) == []
    assert end_alone(engine, held, written.ended) is AttemptOutcome.SUCCEEDED


def test_a_database_that_is_away_keeps_every_success_for_the_next_turn_and_claims_nothing(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_module, "finish_and_claim", away)
    left = [left_to(carrier) for _ in range(3)]
    with pytest.raises(OperationalError):
        carrier._turn()
    assert [each.ended for each in carrier._endings] == [each.ended for each in left]
    assert (len(carrier._registry.held()), len(carrier._running), all_handed(carrier)) == (3, 3, [])
    assert sorted(carrier.unwritten(), key=str) == sorted(((each.held, each.ended) for each in left), key=str)


def test_once_the_database_answers_jobs_are_claimed_and_each_success_is_written_alone(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them may be what broke the connection."""
    left = [left_to(carrier) for _ in range(3)]
    once_in(monkeypatch, carrier_module, "finish_and_claim", away)
    with pytest.raises(OperationalError):
        carrier._turn()
    enqueue(engine, 9)
    carrier.wake(QUEUE)
    carrier._turn()
    handed = all_handed(carrier)
    assert [each for each in handed if each.refused] == [each.handed for each in left]
    assert len(handed) == carrier._registry.threads, "the other threads have jobs"


@pytest.fixture
def unsendable(engine: Engine, monkeypatch: pytest.MonkeyPatch, runs: list[str]) -> tuple[Any, threading.Event]:
    """Return a job whose success breaks each connection, with others or alone, and what it waits for when alone."""
    [bad], gate = enqueue(engine, 1), threading.Event()
    succeed_task = finish.succeed_task

    def together(*values: Any, **more: Any) -> Any:
        return away() if bad in {ended.id for ended in values[5]} else finish_and_claim(*values, **more)

    def alone(session: Session, job: Any, *values: Any) -> None:
        if job == bad:
            assert gate.wait(20)
            away()
        succeed_task(session, job, *values)

    monkeypatch.setattr(carrier_module, "finish_and_claim", together)
    monkeypatch.setattr(finish, "succeed_task", alone)
    return bad, gate


def test_a_success_that_breaks_each_connection_fails_its_own_job_and_keeps_no_other_waiting(
    engine: Engine, unsendable: tuple[Any, threading.Event], runs: list[str]
) -> None:
    bad, gate = unsendable
    others = enqueue(engine, 5)
    worker = Drain(engine, Registry(2), new_worker(engine), queues=[QUEUE])
    worker.start()
    worker.carrier.wake(QUEUE)
    eventually(lambda: {job_row(engine, job).status for job in others} == {JobStatus.SUCCEEDED})
    gate.set()
    eventually(lambda: job_row(engine, bad).status is JobStatus.FAILED)
    eventually(lambda: worker.carrier.is_idle)
    worker.carrier.stop()
    assert job_row(engine, bad).error_message == UNSENDABLE
    assert sorted(runs) == sorted(map(str, [bad, *others])), "each ran once"
    assert (worker.registry.held(), worker.registry.busy) == ({}, 0)


def test_a_stopping_worker_writes_the_successes_that_wait_and_releases_only_the_rest(engine: Engine) -> None:
    done, going = enqueue(engine, 2)
    worker = Drain(engine, Registry(2), new_worker(engine), queues=[QUEUE])
    for held in claim_all(worker.carrier, 2):
        worker.registry.take(held)
        if held.id == done:
            [handed] = [each for each in worker.carrier._running if each.held == held]
            worker.carrier.end(handed, held, Ended(held.id, held.token, '{"sent": 1}'))
    _leave(worker, DramatiqWorker(StubBroker()))
    assert (job_row(engine, done).status, job_row(engine, done).result) == (JobStatus.SUCCEEDED, {"sent": 1})
    assert job_row(engine, going).status is JobStatus.QUEUED


def test_an_ended_thread_is_free_though_the_turn_that_learns_of_it_ends_with_an_error(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Turns, "look_around", defect)
    ended, *_ = (left_to(carrier).handed for _ in range(8))
    carrier._endings.clear()
    carrier.free(ended)
    with pytest.raises(ZeroDivisionError):
        carrier._turn()
    assert ended not in carrier._running


def test_what_was_claimed_reaches_its_threads_whatever_fails_after_it(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(engine, 2)
    monkeypatch.setattr(carrier._turns, "note", defect)
    with pytest.raises(ZeroDivisionError):
        carrier._batch(QUEUE, [], 2, alone=True)
    assert len(all_handed(carrier)) == len(carrier._running) == 2


def test_a_worker_that_is_presumed_dead_claims_nothing(engine: Engine, carrier: Carrier) -> None:
    enqueue(engine, 1)
    with session_scope(engine) as session:
        workers.deregister(session, carrier._worker())
    assert claim_all(carrier, 1) == []


def test_a_process_never_claims_more_jobs_than_it_has_free_threads(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None waits behind a long one."""
    gate, started = threading.Event(), []

    def wait(work: TaskWork[NoForm]) -> Steps:
        started.append(work.key)
        gate.wait(10)
        return None
        yield Progress(1, 1)

    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), outside.name, replace(outside, run=wait))
    enqueue(engine, 9)
    worker = Drain(engine, Registry(3), new_worker(engine), queues=[QUEUE])
    worker.start()
    worker.carrier.wake(QUEUE)
    eventually(lambda: len(started) == 3)
    worker.carrier.wake(QUEUE)
    eventually(lambda: not worker.carrier._due and worker.registry.busy == 3)
    with Session(engine) as session:
        running = select(func.count()).where(col(BackgroundJob.status) == JobStatus.RUNNING)
        assert session.exec(running).one() == 3
    worker.stopping.set()
    gate.set()
    assert worker.registry.wait_until_empty(10)
    worker.carrier.stop()
    with Session(engine) as session:
        statuses = Counter(session.exec(select(BackgroundJob.status)))
    assert statuses == {JobStatus.SUCCEEDED: 3, JobStatus.QUEUED: 6}


def test_a_thread_that_goes_on_is_not_interrupted_for_the_job_whose_ending_it_has_left(carrier: Carrier) -> None:
    left = left_to(carrier)
    assert carrier._registry.held() == {(left.held.id, left.held.token): None}


def test_a_process_holds_a_job_until_its_ending_is_written(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """So its heartbeat does not release it, and a stop waits for it."""
    monkeypatch.setattr(carrier_module, "EASY_PACE", 60.0)
    [job] = enqueue(engine, 1)
    worker = Drain(engine, Registry(2), new_worker(engine))
    worker.start()
    worker.carrier.wake(QUEUE)
    eventually(lambda: bool(worker.carrier._endings))
    assert list(worker.registry.held()) == [(job, 1)]
    assert worker.registry.busy == 1
    worker.carrier._all_ended.set()
    assert worker.registry.wait_until_empty(10)
    worker.carrier.stop()
    assert worker.registry.held() == {}
    assert job_row(engine, job).status is JobStatus.SUCCEEDED


def test_a_thread_settles_a_job_that_was_cancelled_before_its_ending_was_written(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel_itself(work: TaskWork[NoForm]) -> Steps:
        with session_scope(engine) as session:
            session.connection().execute(text("UPDATE background_jobs SET cancel_requested_at = now()"))
        return None
        yield Progress(1, 1)

    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), outside.name, replace(outside, run=cancel_itself))
    [job] = enqueue(engine, 1)
    worker = Drain(engine, Registry(2), new_worker(engine))
    drain(worker, QUEUE)
    assert job_row(engine, job).status is JobStatus.CANCELLED
    assert worker.registry.held() == {}


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many endings each turn has written."""
    written: list[int] = []

    def count(*values: Any, **more: Any) -> Any:
        written.append(len(values[5]))
        return finish_and_claim(*values, **more)

    monkeypatch.setattr(carrier_module, "finish_and_claim", count)
    return written


def test_jobs_that_end_soon_after_each_other_share_a_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, turns: list[int]
) -> None:
    monkeypatch.setattr(carrier_module, "EASY_PACE", 1.0)
    enqueue(engine, 3)
    drain(Drain(engine, Registry(8), new_worker(engine)), QUEUE)
    assert turns == [0, 3]


def test_a_turn_waits_for_no_others_once_every_thread_waits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, turns: list[int]
) -> None:
    monkeypatch.setattr(carrier_module, "PACE", 60.0)
    enqueue(engine, 4)
    drain(Drain(engine, Registry(2), new_worker(engine)), QUEUE)
    assert turns == [0, 2, 2]


def test_a_process_that_is_full_calls_another_one(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(engine, 3)
    published: list[bus.Changes] = []
    monkeypatch.setattr(bus, "publish", published.append)
    claim_all(carrier, 2)
    claim_all(carrier, 2)
    assert [changes.wakeups for changes in published] == [{QUEUE}, set()]
