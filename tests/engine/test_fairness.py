"""Turns of queues: a queue with little to do waits for one running job, whatever waits in other queues."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import ENGINE
from core.database.engine import session_scope
from core.database.statement import Statement
from core.jobs import sweep
from core.jobs.due import DueQueue
from core.jobs.request import request_tasks
from core.jobs.request_tasks import JobOptions
from core.models import Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from core.queues import controls
from core.settings import Settings
from tasks import turns
from tasks.actors import Drain
from tasks.registry import Registry
from tasks.sweeper import WorkerSweeper
from tasks.turns import Turns
from tests.driving import drain, new_worker
from tests.factories import ADMIN
from tests.waiting import eventually

FLOOD, QUIET = "flooded", "quiet"
BACKLOG = 12


def _nothing(_: TaskWork[NoForm]) -> Steps:
    return None
    yield Progress(1, 1)


def _fail(_: TaskWork[NoForm]) -> Steps:
    raise ValueError("no more paper")
    yield Progress(1, 1)


many = Task(name="test.many", label="Many", form=NoForm, run=_nothing, role=Role.ADMIN, queue=FLOOD)
few = replace(many, name="test.few", queue=QUIET)
urgent = replace(many, name="test.urgent", priority=-10)
failing = replace(many, name="test.failing", run=_fail, max_attempts=1)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    for task in (many, few, urgent, failing):
        monkeypatch.setitem(cast(dict[str, Any], BY_NAME), task.name, task)


def looks_each_time(patch: pytest.MonkeyPatch, *, patience: float = float("inf")) -> None:
    """Let a thread look at its queues after each job, as it does after each that takes a tenth of a second."""
    patch.setattr(turns, "LOOK", 0)
    patch.setattr(turns, "SHARE", float("inf"))
    patch.setattr(turns, "PATIENCE", patience)


def enqueue(engine: Engine, task: Task[Any], number: int) -> None:
    with session_scope(engine) as session:
        request_tasks(session, task, [NoForm()] * number, ENGINE, JobOptions())


def worker_for(engine: Engine, threads: int = 1, queues: Sequence[str] = (FLOOD, QUIET)) -> Drain:
    return Drain(engine, Registry(threads), new_worker(engine), queues=queues)


def starts(engine: Engine) -> list[str]:
    """Return the queues of all jobs that have started, in order."""
    query = "SELECT queue FROM background_jobs WHERE started_at IS NOT NULL ORDER BY started_at, priority, id"
    with Session(engine) as session:
        return list(session.connection().execute(sa.text(query)).scalars())


@pytest.mark.parametrize("flood", [many, failing, urgent], ids=["jobs", "jobs that fail", "urgent jobs"])
def test_a_due_job_of_a_quiet_queue_waits_for_one_job_of_a_flooded_one(engine: Engine, flood: Task[Any]) -> None:
    enqueue(engine, flood, BACKLOG)
    enqueue(engine, few, 1)
    drain(worker_for(engine), FLOOD)
    assert starts(engine).index(QUIET) <= 1
    assert len(starts(engine)) == BACKLOG + 1


def test_a_job_that_becomes_due_while_every_thread_is_busy_has_the_next_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker is away: no wake-up tells of it."""
    runs: list[str] = []

    def request_another(work: TaskWork[NoForm]) -> Steps:
        runs.append(work.key)
        if len(runs) == 3:
            enqueue(engine, few, 1)
        return _nothing(work)

    looks_each_time(monkeypatch)
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), many.name, replace(many, run=request_another))
    enqueue(engine, many, BACKLOG)
    drain(worker_for(engine), FLOOD)
    assert starts(engine).index(QUIET) == 3


def test_each_process_gives_the_quiet_queue_its_turn(engine: Engine) -> None:
    enqueue(engine, many, 2 * BACKLOG)
    enqueue(engine, few, 2)
    first, second = worker_for(engine), worker_for(engine)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda worker: drain(worker, FLOOD), [first, second]))
    assert [at for at, queue in enumerate(starts(engine)) if queue == QUIET][-1] <= 4


def test_urgent_jobs_start_before_others_of_any_queue(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    looks_each_time(monkeypatch)
    enqueue(engine, few, 3)
    enqueue(engine, urgent, 3)
    enqueue(engine, many, 1)
    drain(worker_for(engine), FLOOD)
    assert starts(engine)[:3] == [FLOOD] * 3
    assert sorted(starts(engine)[3:]) == [FLOOD, QUIET, QUIET, QUIET]


def test_a_flood_of_urgent_jobs_leaves_each_other_queue_one_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks_each_time(monkeypatch, patience=0)
    enqueue(engine, urgent, BACKLOG)
    enqueue(engine, few, 3)
    drain(worker_for(engine), FLOOD)
    assert sorted(starts(engine)[:6]) == sorted([FLOOD, QUIET] * 3)


def test_queues_share_turns_by_their_weights(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    looks_each_time(monkeypatch)
    monkeypatch.setenv("UNSTUCK_QUEUE_WEIGHTS", f"{FLOOD}=3 {QUIET}=1")
    monkeypatch.setattr("tasks.actors.settings", Settings)
    enqueue(engine, many, BACKLOG)
    enqueue(engine, few, BACKLOG)
    drain(worker_for(engine), FLOOD)
    assert starts(engine)[:8].count(QUIET) == 2


def test_threads_are_shared_by_weight_however_long_jobs_take() -> None:
    shared = both_due(Turns(lambda _: [], {FLOOD: 3}))
    assert shared.plan(8, {}) == {FLOOD: 6, QUIET: 2}


def test_long_jobs_of_one_queue_do_not_take_the_threads_of_another() -> None:
    shared, busy = both_due(Turns(lambda _: [])), Counter({QUIET: 0})
    for _ in range(10):
        busy[QUIET] += shared.plan(4 - busy[QUIET], busy)[QUIET]  # its jobs never end, those of the other do at once
    assert busy[QUIET] == 2


def test_a_queue_whose_job_ended_is_asked_again_whatever_an_earlier_claim_found() -> None:
    """A kind with a limit has room again, and no other event would tell."""
    shared = Turns(lambda _: [], queues=[FLOOD, QUIET])
    assert shared.plan(1, {}) == {}
    shared.remind(QUIET, 0)
    assert shared.plan(1, {}) == {QUIET: 1}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


def test_a_look_that_hangs_delays_the_next_one_by_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(), []

    def hang(_: object) -> list[DueQueue]:
        looks.append(clock.now)
        clock.now += 30
        return []

    monkeypatch.setattr(turns, "time", clock)
    shared = Turns(hang, queues=[FLOOD, QUIET])
    shared.look_around()
    shared.look_around()
    clock.now += turns.PATIENCE
    shared.look_around()
    assert len(looks) == 2


def both_due(shared: Turns) -> Turns:
    for queue in (FLOOD, QUIET):
        shared.learn(queue, 0)
    return shared


def test_threads_that_a_sweep_wakes_share_its_queues() -> None:
    """Two free threads must not both begin long jobs of one queue."""
    assert both_due(Turns(lambda _: [])).plan(2, {}) == {FLOOD: 1, QUIET: 1}


def test_a_limited_kind_has_its_turns_beside_a_flood_and_none_of_its_jobs_is_left(engine: Engine) -> None:
    with session_scope(engine) as session:
        controls.limit_kind(session, controls.Limits(name=few.name, max_running=1), ADMIN, "a test")
    enqueue(engine, few, 4)
    enqueue(engine, many, BACKLOG)
    drain(worker_for(engine), FLOOD)
    assert len(starts(engine)) == BACKLOG + 4
    assert starts(engine).index(QUIET) <= 1


@pytest.mark.parametrize(
    "pause",
    [
        lambda session: controls.pause_queue(session, QUIET, ADMIN, "a test"),
        lambda session: controls.pause_kind(session, few.name, ADMIN, "a test"),
        lambda session: controls.limit_kind(session, controls.Limits(name=few.name, max_running=0), ADMIN, "a test"),
    ],
    ids=["queue paused", "kind paused", "kind without room"],
)
def test_a_queue_of_which_nothing_may_start_costs_no_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, pause: Callable[[Session], None]
) -> None:
    enqueue(engine, few, 3)
    with session_scope(engine) as session:
        pause(session)
    enqueue(engine, many, BACKLOG)
    assert claims_and_endings(engine, monkeypatch) == BACKLOG + 1
    assert starts(engine) == [FLOOD] * BACKLOG


def test_a_turn_costs_no_statement_of_its_own(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim in vain tells that a queue is empty: one for each of the two."""
    enqueue(engine, many, BACKLOG)
    enqueue(engine, few, BACKLOG)
    assert claims_and_endings(engine, monkeypatch) == 2 * BACKLOG + 2
    assert len(starts(engine)) == 2 * BACKLOG


def claims_and_endings(engine: Engine, patch: pytest.MonkeyPatch) -> int:
    """Drain both queues with one thread, and return the number of batches that it took."""
    run_on, sent = Statement.run_on, []

    def count(statement: Statement, *values: Any) -> list[Any]:
        sent.append(statement.text)
        return run_on(statement, *values)

    with patch.context() as patched:
        patched.setattr(Statement, "run_on", count)
        drain(worker_for(engine), FLOOD)
    return sum("claimed AS" in text for text in sent)


def test_a_sweep_wakes_a_queue_behind_any_backlog_of_others(engine: Engine) -> None:
    enqueue(engine, many, 1_500)
    enqueue(engine, few, 1)
    worker = new_worker(engine)
    with session_scope(engine) as session:
        assert sweep.wake_due(session, worker, [QUIET], BY_NAME) == [DueQueue(QUIET, 1, 0)]
        both = sweep.wake_due(session, worker, [FLOOD, QUIET], BY_NAME)
    assert sorted(both) == [DueQueue(FLOOD, sweep.WAKEUPS, 0), DueQueue(QUIET, 1, 0)]


def test_a_sweep_wakes_a_queue_behind_any_backlog_of_its_own_paused_kind(engine: Engine) -> None:
    enqueue(engine, urgent, 1_500)
    enqueue(engine, many, 1)
    with session_scope(engine) as session:
        controls.pause_kind(session, urgent.name, ADMIN, "a test")
    with session_scope(engine) as session:
        assert sweep.wake_due(session, new_worker(engine), [FLOOD], BY_NAME) == [DueQueue(FLOOD, 1, 0)]


def test_an_idle_worker_starts_a_job_whose_wake_up_was_lost_whatever_waits_elsewhere(engine: Engine) -> None:
    enqueue(engine, many, 1_500)
    enqueue(engine, few, 1)
    worker = worker_for(engine, queues=[QUIET])
    worker.start()
    WorkerSweeper(worker, [QUIET]).once()
    eventually(lambda: starts(engine) == [QUIET])
    worker.carrier.stop()


@pytest.mark.parametrize("text", ["demo", "demo=", "=1", "demo=0", "demo=-1", "demo=1001", "demo=1.5", "demo=1,x=2"])
def test_a_weight_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("UNSTUCK_QUEUE_WEIGHTS", text)
    with pytest.raises(ValueError, match="write queue=weight"):
        Settings()
