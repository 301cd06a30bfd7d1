"""A job that may kill its workers runs alone: then one more loss is its own, and takes no other job along."""

from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.actor import ENGINE
from core.database.engine import session_scope
from core.jobs import sweep, workers
from core.jobs.claim import claim
from core.jobs.request import request_tasks
from core.models import JobKind, JobStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from tasks import carrier as carrier_module
from tasks import solitude
from tasks.actors import Drain
from tasks.carrier import Carrier, Handed
from tasks.registry import Registry
from tasks.sweeper import WorkerSweeper
from tests import driving
from tests.carrying import QUEUE, all_handed, carrier_on
from tests.driving import must_take, new_worker, take


def _rest(_: TaskWork[NoForm]) -> Steps:
    return None
    yield Progress(1, 1)


task = Task(name="test.suspect", label="Suspect", form=NoForm, run=_rest, role=Role.ADMIN, queue=QUEUE)
quiet = replace(task, name="test.quiet", queue="quiet")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (task, quiet):
        monkeypatch.setitem(cast(dict[str, Any], BY_NAME), each.name, each)


@pytest.fixture
def carrier(engine: Engine) -> Carrier:
    return carrier_on(engine, new_worker(engine))


def enqueue(engine: Engine, number: int = 1, kind: Task[Any] = task) -> list[UUID]:
    with session_scope(engine) as session:
        return [job.id for job in request_tasks(session, kind, [NoForm()] * number, ENGINE)]


def lose_worker(engine: Engine) -> UUID:
    """Let a worker take the next job and be lost with it; return the job."""
    held = must_take(engine)
    with session_scope(engine) as session:
        assert sweep.rescue(session, sweep.Orphan(held.id, held.token, "worker"))
    return held.id


def a_suspect(engine: Engine) -> UUID:
    """Return a job that two workers were lost with, and no others."""
    [job] = enqueue(engine)
    assert [lose_worker(engine), lose_worker(engine)] == [job, job]
    return job


def with_a_suspect(engine: Engine) -> Carrier:
    """Return a carrier, on a worker of its own, that has just started a suspect."""
    carrier, suspect = carrier_on(engine, new_worker(engine)), a_suspect(engine)
    assert ids(turn(carrier)) == [suspect]
    return carrier


def turn(carrier: Carrier, *, is_swept: bool = True) -> list[Handed]:
    """Let the carrier look at the queue once, as after a sweep or a wake-up; return what its threads are handed."""
    carrier.wake(QUEUE, 0 if is_swept else None)
    carrier._turn()
    return all_handed(carrier)


def pass_time(carrier: Carrier, seconds: float) -> None:
    """Let the carrier's suspect have run for so much longer."""
    carrier._solitude._look_at -= seconds
    carrier._solitude._ends_at -= seconds


def execute(engine: Engine, statement: str, **values: object) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text(statement), values)


def ids(handed: list[Handed]) -> list[UUID]:
    return [each.held.id for each in handed if each.held]


def test_a_suspect_starts_in_a_process_that_runs_nothing_and_nothing_starts_beside_it(
    engine: Engine, carrier: Carrier
) -> None:
    suspect, others = a_suspect(engine), enqueue(engine, 3)
    alone = turn(carrier)
    assert ids(alone) == [suspect]
    assert turn(carrier) == [], "the others wait, or another process takes them"
    carrier.free(alone[0])
    assert ids(turn(carrier)) == others


def test_a_suspect_that_a_stopping_worker_hands_back_remains_a_suspect(engine: Engine, carrier: Carrier) -> None:
    suspect = a_suspect(engine)
    held = must_take(engine)
    with session_scope(engine) as session:
        workers.release(session, held.id, held.token)
    with Session(engine) as session:
        assert claim(session, new_worker(engine), QUEUE, BY_NAME, driving.STEP, alone=False) is None
    assert driving.job_row(engine, suspect).error_message is None, "a job that was handed back has no error to show"
    alone = turn(carrier)
    assert (ids(alone), alone[0].is_alone) == ([suspect], True)
    enqueue(engine)
    assert turn(carrier) == []


def test_a_suspect_does_not_start_beside_others(engine: Engine, carrier: Carrier) -> None:
    enqueue(engine)
    assert len(turn(carrier)) == 1
    suspect, following = a_suspect(engine), enqueue(engine, 2)
    assert ids(turn(carrier)) == following
    assert driving.job_row(engine, suspect).status is JobStatus.QUEUED


def test_after_a_minute_a_suspect_waits_no_longer_for_an_idle_process(engine: Engine, carrier: Carrier) -> None:
    enqueue(engine)
    turn(carrier)
    suspect = a_suspect(engine)
    execute(engine, "UPDATE background_jobs SET run_at = now() - interval '61 s' WHERE id = :id", id=suspect)
    assert ids(turn(carrier)) == [suspect]


def test_an_idle_process_asks_for_suspects_after_a_sweep_alone(engine: Engine, carrier: Carrier) -> None:
    a_suspect(engine)
    assert turn(carrier, is_swept=False) == []
    assert len(turn(carrier)) == 1


def test_jobs_that_lost_one_worker_or_came_further_are_no_suspects(engine: Engine, carrier: Carrier) -> None:
    [job] = enqueue(engine)
    lose_worker(engine)
    others = enqueue(engine, 2)
    assert set(ids(turn(carrier, is_swept=False))) == {job, *others}


def test_a_suspect_whose_kind_has_a_limit_runs_alone_too(engine: Engine, carrier: Carrier) -> None:
    with session_scope(engine) as session:
        session.add(JobKind(kind=task.name, max_running=5))
    suspect = a_suspect(engine)
    [handed] = turn(carrier)
    assert (handed.held, handed.is_alone) == (None, True)
    assert take(engine).id == suspect  # type: ignore[union-attr]
    assert turn(carrier) == []


def test_a_worker_runs_a_suspect_to_its_end_and_then_the_others(engine: Engine) -> None:
    suspect, others = a_suspect(engine), enqueue(engine, 3)
    worker = Drain(engine, Registry(4), new_worker(engine), queues=[QUEUE])
    WorkerSweeper(worker, [QUEUE]).once()
    driving.drain(worker, QUEUE)
    with Session(engine):
        assert {driving.job_row(engine, job).status for job in (suspect, *others)} == {JobStatus.SUCCEEDED}


def test_a_job_that_came_further_before_each_of_two_losses_is_a_suspect_too(engine: Engine) -> None:
    [job] = enqueue(engine)
    for done in (1, 2):
        held = must_take(engine)
        with session_scope(engine) as session:
            values = {"id": held.id, "done": done}
            session.connection().execute(
                text("UPDATE background_jobs SET progress_done = :done WHERE id = :id"), values
            )
            assert sweep.rescue(session, sweep.Orphan(held.id, held.token, "worker"))
    assert driving.job_row(engine, job).attempt == 0
    with Session(engine) as session:
        assert claim(session, new_worker(engine), QUEUE, BY_NAME, driving.STEP, alone=False) is None
    assert must_take(engine).is_suspect


def test_where_no_other_worker_serves_its_queue_others_wait_for_a_suspect_for_moments(
    engine: Engine, carrier: Carrier
) -> None:
    suspect, others = a_suspect(engine), enqueue(engine, 2)
    execute(engine, "UPDATE workers SET heartbeat_at = now() - interval '25 s' WHERE id <> :own", own=carrier._worker())
    assert ids(turn(carrier)) == [suspect]
    assert turn(carrier) == []
    pass_time(carrier, solitude.AT_LEAST)
    assert ids(turn(carrier)) == others, "a silent worker may be dead"


def test_where_another_worker_serves_its_queue_others_wait_for_a_suspect_for_a_minute(
    engine: Engine, carrier: Carrier
) -> None:
    suspect, others = a_suspect(engine), enqueue(engine, 2)
    assert ids(turn(carrier)) == [suspect]
    for _ in range(3):
        pass_time(carrier, solitude.AT_LEAST)
        assert turn(carrier) == []
    pass_time(carrier, solitude.AT_MOST)
    assert ids(turn(carrier)) == others


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_workers_that_run_suspects_one_starts_the_others(engine: Engine, first: int) -> None:
    """Whichever asks first; neither waits for the other one."""
    carriers = [with_a_suspect(engine) for _ in range(2)]
    own = [each._worker() for each in carriers]
    execute(engine, "UPDATE workers SET stopped_at = now() WHERE id <> ALL (:own)", own=own)
    others = enqueue(engine, 3)
    started = {}
    for each in (carriers[first], carriers[1 - first]):
        pass_time(each, solitude.AT_LEAST)
        started[each] = ids(turn(each))
    assert [started[each] for each in carriers] == [[], others], "the one that began last"


def test_a_due_job_of_another_queue_waits_for_a_suspect_for_moments(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solitude, "LOOK", 60.0)  # so that a slow machine is no reason
    suspect, [job] = a_suspect(engine), enqueue(engine, kind=quiet)
    assert ids(turn(carrier)) == [suspect]
    carrier.wake(quiet.queue)
    pass_time(carrier, solitude.AT_LEAST)
    assert turn(carrier) == [], "another worker may start it"
    execute(engine, "UPDATE background_jobs SET run_at = run_at - interval '60 s' WHERE id = :id", id=job)
    carrier._solitude._look_at = 0
    assert ids(turn(carrier)) == [job]


def test_a_process_looks_by_itself_whether_jobs_wait_for_its_suspect(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspect, [job] = a_suspect(engine), enqueue(engine, kind=quiet)
    assert ids(turn(carrier)) == [suspect]
    carrier.wake(quiet.queue)
    carrier._once()
    execute(engine, "UPDATE background_jobs SET run_at = now() - interval '1 s' WHERE id = :id", id=job)
    pass_time(carrier, solitude.AT_LEAST)
    monkeypatch.setattr(carrier_module, "LOOK", 0.01)
    monkeypatch.setattr(carrier_module, "IDLE", 0.01)
    carrier._once()
    assert ids(all_handed(carrier)) == [job]
