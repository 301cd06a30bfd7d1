"""A job that may kill its workers runs alone: then one more loss is its own, and takes no other job along."""

import time
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


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), task.name, task)


@pytest.fixture
def carrier(engine: Engine) -> Carrier:
    return carrier_on(engine, new_worker(engine))


def enqueue(engine: Engine, number: int = 1) -> list[UUID]:
    with session_scope(engine) as session:
        return [job.id for job in request_tasks(session, task, [NoForm()] * number, ENGINE)]


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


def turn(carrier: Carrier, *, is_swept: bool = True) -> list[Handed]:
    """Let the carrier look at the queue once, as after a sweep or a wake-up; return what its threads are handed."""
    carrier.wake(QUEUE, 0 if is_swept else None)
    carrier._turn()
    return all_handed(carrier)


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
    with session_scope(engine) as session:
        past = text("UPDATE background_jobs SET run_at = now() - interval '61 s' WHERE id = :id")
        session.connection().execute(past, {"id": suspect})
    assert ids(turn(carrier)) == [suspect]


def test_others_start_beside_a_suspect_that_has_lived_for_a_minute(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspect, others = a_suspect(engine), enqueue(engine, 2)
    monkeypatch.setattr(carrier_module, "ALONE", 0.0)
    assert ids(turn(carrier)) == [suspect, *others]


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


@pytest.mark.parametrize(("others", "seconds"), [(False, carrier_module.ALONE_HERE), (True, carrier_module.ALONE)])
def test_others_wait_for_a_suspect_only_for_moments_where_no_other_worker_serves_them(
    engine: Engine, carrier: Carrier, others: bool, seconds: float
) -> None:
    a_suspect(engine)
    if others:
        new_worker(engine)
    else:
        with session_scope(engine) as session:
            session.connection().execute(
                text("UPDATE workers SET lost_at = now() WHERE id <> :own"), {"own": carrier._worker()}
            )
    began = time.monotonic()
    assert turn(carrier)
    assert seconds - 1 < carrier._alone_until - began <= seconds + 1
