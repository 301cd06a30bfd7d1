"""Claims in batches beside paused and limited kinds: controls of one kind do not slow other kinds down."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.actor import ENGINE
from core.database.engine import session_scope
from core.database.statement import Statement
from core.jobs.request import request_tasks
from core.jobs.request_tasks import JobOptions
from core.models import BackgroundJob, JobStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from core.queues import controls
from tasks.actors import Drain
from tasks.registry import Registry
from tests.driving import drain, new_worker
from tests.factories import ADMIN

QUEUE = "demo"
JOBS = 6


def _nothing(_: TaskWork[NoForm]) -> Steps:
    return None
    yield Progress(1, 1)


free = Task(name="test.free", label="Free", form=NoForm, run=_nothing, role=Role.ADMIN, queue=QUEUE)
limited = replace(free, name="test.limited")
elsewhere = replace(free, name="test.elsewhere", queue="another")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    for task in (free, limited, elsewhere):
        monkeypatch.setitem(cast(dict[str, Any], BY_NAME), task.name, task)


def enqueue(engine: Engine, task: Task[Any], number: int = JOBS) -> list[UUID]:
    with session_scope(engine) as session:
        return [job.id for job in request_tasks(session, task, [NoForm()] * number, ENGINE, JobOptions())]


def limit(engine: Engine, task: Task[Any], **limits: int) -> None:
    with session_scope(engine) as session:
        controls.limit_kind(session, controls.Limits(name=task.name, **limits), ADMIN, "a test")


def pause_and_resume(engine: Engine, task: Task[Any]) -> None:
    with session_scope(engine) as session:
        controls.pause_kind(session, task.name, ADMIN, "a test")
    with session_scope(engine) as session:
        controls.resume_kind(session, task.name, ADMIN, "a test")


def drain_once(engine: Engine) -> None:
    """Let one thread of a new worker take job after job until it finds none."""
    drain(Drain(engine, Registry(1), new_worker(engine)), QUEUE)


def statements_per_job(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> float:
    """Drain the queue, and return the statements that claims and endings took for each job."""
    run_on, sent = Statement.run_on, []

    def count(statement: Statement, *values: Any) -> list[Any]:
        sent.append(statement)
        return run_on(statement, *values)

    with monkeypatch.context() as patch:
        patch.setattr(Statement, "run_on", count)
        drain_once(engine)
    return len(sent) / JOBS


def unfinished(engine: Engine, queue: str = QUEUE) -> list[UUID]:
    with Session(engine) as session:
        query = select(BackgroundJob.id).where(
            col(BackgroundJob.queue) == queue, col(BackgroundJob.status) != JobStatus.SUCCEEDED
        )
        return list(session.exec(query.order_by(col(BackgroundJob.id))))


def order_of_starts(engine: Engine) -> list[str]:
    with Session(engine) as session:
        query = select(BackgroundJob.kind).where(col(BackgroundJob.started_at).is_not(None))
        return list(session.exec(query.order_by(col(BackgroundJob.started_at))))


@pytest.mark.parametrize(
    "control",
    [
        lambda engine: pause_and_resume(engine, free),
        lambda engine: limit(engine, elsewhere, max_running=1),
        lambda engine: limit(engine, limited, max_running=1),
        lambda engine: limit(engine, free),
    ],
    ids=["pause and resume", "limit in another queue", "limit on another kind", "limits lifted"],
)
def test_jobs_without_a_limit_in_force_take_one_statement_each(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, control: Callable[[Engine], None]
) -> None:
    enqueue(engine, free)
    before = statements_per_job(engine, monkeypatch)
    control(engine)
    enqueue(engine, free)
    assert before == statements_per_job(engine, monkeypatch) == (JOBS + 1) / JOBS
    assert unfinished(engine) == []


@pytest.mark.parametrize(
    "limits",
    [{"max_running": 0}, {"max_per_worker": 0}, {"rate_count": 1, "rate_seconds": 3600}],
    ids=["in all", "per worker", "rate"],
)
def test_the_backlog_of_a_kind_without_room_costs_other_kinds_no_statement(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    limit(engine, limited, **limits)
    enqueue(engine, limited)
    drain_once(engine)
    backlog = unfinished(engine)
    assert len(backlog) >= JOBS - 1
    enqueue(engine, free)
    assert statements_per_job(engine, monkeypatch) == (JOBS + 1) / JOBS
    assert unfinished(engine) == backlog


@pytest.mark.parametrize(
    "limits",
    [{"max_running": 1}, {"max_per_worker": 1}, {"rate_count": 100, "rate_seconds": 60}],
    ids=["in all", "per worker", "rate"],
)
def test_limited_and_unlimited_kinds_start_in_one_order(engine: Engine, limits: dict[str, int]) -> None:
    limit(engine, limited, **limits)
    for _ in range(3):
        enqueue(engine, limited, 2)
        enqueue(engine, free, 2)
    drain_once(engine)
    assert unfinished(engine) == []
    assert order_of_starts(engine) == [limited.name, limited.name, free.name, free.name] * 3


def test_a_thread_that_makes_room_for_a_kind_takes_its_next_job(engine: Engine) -> None:
    """The batch that ends the only running job counts it as running no more: no other event would wake a thread."""
    limit(engine, limited, max_running=1)
    enqueue(engine, limited)
    drain_once(engine)
    assert unfinished(engine) == []


def test_a_rate_is_spent_exactly_whatever_claims_beside_it(engine: Engine) -> None:
    limit(engine, limited, rate_count=2, rate_seconds=3600)
    waiting = enqueue(engine, limited)
    enqueue(engine, free)
    drain_once(engine)
    assert unfinished(engine) == sorted(waiting)[2:]


def test_a_paused_kind_starts_nothing_in_a_batch(engine: Engine) -> None:
    with session_scope(engine) as session:
        controls.pause_kind(session, limited.name, ADMIN, "a test")
    waiting = enqueue(engine, limited, 2)
    enqueue(engine, free, 2)
    drain_once(engine)
    assert unfinished(engine) == sorted(waiting)


def test_a_limit_holds_while_many_threads_claim_in_batches(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    running: set[str] = set()
    at_once: list[int] = []

    def note(work: TaskWork[NoForm]) -> Steps:
        running.add(work.key)
        at_once.append(len(running))
        yield Progress(1, 1)
        running.discard(work.key)
        return None

    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), limited.name, replace(limited, run=note))
    limit(engine, limited, max_running=2)
    for _ in range(4):
        enqueue(engine, limited)
        enqueue(engine, free)
    drain(Drain(engine, Registry(4), new_worker(engine)), QUEUE)
    assert unfinished(engine) == []
    assert max(at_once) == 2
