"""Driving the engine by hand: request, claim, run, rescue, one move at a time."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, inspect, text
from sqlmodel import Session, select

from core.database.engine import session_scope
from core.jobs import finish, sweep, workers
from core.jobs import run as run_module
from core.jobs.cancel import cancel
from core.jobs.claim import Claimed, claim
from core.jobs.failure import failure_of
from core.jobs.request import request
from core.jobs.run import run
from core.models import AttemptOutcome, BackgroundJob, Interaction, PlatformConnection, User
from core.operation import Operation
from core.operations import BY_NAME, operations_on
from tasks.actors import Drain
from tests.factories import SUPPORT, make_user
from tests.waiting import eventually

STEP = timedelta(seconds=60)
#: The same id and time of request in every run, so that generated data can be compared row by row.
JOB_ID = UUID("01a20000-0000-7000-8000-000000000001")
REQUESTED_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Killed(BaseException):
    """Stands for kill -9 within one process."""


def prepare(engine: Engine, operation: Operation[Any, Any]) -> UUID:
    """Return a user in the operation's first source state, with demo data where that state has some."""
    with session_scope(engine) as session:
        user_id = make_user(session).id
    state = sorted(operation.source)[0]
    if state in ("enabled", "failed"):
        ask(engine, BY_NAME["demo.enable"], user_id, {"preset": "nano"})
        assert run_next(engine) is AttemptOutcome.SUCCEEDED
    with session_scope(engine) as session:
        operation.machine.set_state(session.get_one(User, user_id), state)
    return user_id


def reach(engine: Engine, operation: Operation[Any, Any]) -> UUID:
    """Return a user whom other operations have brought into the operation's first source state, as people would."""
    state, machine = min(operation.source), operation.machine
    with session_scope(engine) as session:
        user = make_user(session)
        if machine.state_of(user) == state:
            return user.id
    if state == machine.failed:
        ask(engine, BY_NAME["demo.enable"], user.id, {"preset": "nano"})
        _give_up(engine)
        return user.id
    way = next(each for each in operations_on(machine) if each.target == state and each is not operation)
    user_id = reach(engine, way)
    ask(engine, way, user_id, smallest_form(way))
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    return user_id


def _give_up(engine: Engine) -> None:
    """Fail the next due job for good."""
    with session_scope(engine) as session:
        held = take(engine)
        assert held is not None
        job = session.get_one(BackgroundJob, held.id)
        finish.fail(session, job, failure_of(RuntimeError("no more paper")))


def smallest_form(operation: Operation[Any, Any]) -> dict[str, Any]:
    """Return the smallest form that an operation accepts."""
    return {"preset": "nano"} if "preset" in operation.form.model_fields else {}


def at_every_checkpoint(monkeypatch: pytest.MonkeyPatch, look: Callable[[int], None]) -> None:
    """Let `look` see each checkpoint once it is committed, with its number from 0."""
    real, passed = run_module.checkpoint, []

    def checkpoint(*args: Any) -> bool:
        answer = real(*args)
        passed.append(None)
        look(len(passed) - 1)
        return answer

    monkeypatch.setattr(run_module, "checkpoint", checkpoint)


def ask(engine: Engine, operation: Any, user_id: UUID, form: dict[str, Any] | None = None) -> UUID:
    """Request the operation and return the job's id."""
    with session_scope(engine) as session:
        return request(session, operation, user_id, operation.form(**(form or {})), SUPPORT).id


def ask_fixed(engine: Engine, operation: Operation[Any, Any], user_id: UUID) -> UUID:
    """Request the operation as a job with a fixed id and time."""
    job_id = ask(engine, operation, user_id, smallest_form(operation))
    with session_scope(engine) as session:
        values = {"old": job_id, "new": JOB_ID, "at": REQUESTED_AT}
        statement = "UPDATE background_jobs SET id = :new, created_at = :at, started_at = :at WHERE id = :old"
        session.connection().execute(text(statement), values)
    return JOB_ID


def new_worker(engine: Engine, queues: Sequence[str] = ("demo",)) -> UUID:
    """Register a worker and return its id."""
    with session_scope(engine) as session:
        return workers.register(session, threads=1, queues=list(queues), version="test")


def drain(worker: Drain, queue: str) -> None:
    """Let a worker process run the due jobs of a queue, and of its others, until it knows of none."""
    worker.start()
    worker.carrier.wake(queue)
    eventually(lambda: worker.carrier.is_idle)
    worker.carrier.stop()


def take(engine: Engine, worker: UUID | None = None, queue: str = "demo") -> Claimed | None:
    """Claim the next due job, as a new worker unless one is given."""
    worker = worker or new_worker(engine, [queue])
    with Session(engine, expire_on_commit=False) as session:
        return claim(session, worker, queue, BY_NAME, STEP)


def must_take(engine: Engine, worker: UUID | None = None) -> Claimed:
    """Claim the next due job, which must be there."""
    held = take(engine, worker)
    assert held is not None
    return held


def work_on(engine: Engine, held: Claimed, stopping: Callable[[], bool] = lambda: False) -> AttemptOutcome:
    """Run a claimed job to the end of its attempt."""
    return run(engine, held, STEP, stopping)


def run_next(engine: Engine) -> AttemptOutcome:
    """Claim and run the next due job."""
    return work_on(engine, must_take(engine))


def presume_dead(engine: Engine) -> int:
    """Let every worker fall silent, sweep, and return how many jobs were rescued."""
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE workers SET heartbeat_at = heartbeat_at - interval '1 hour'"))
        sweep.mark_lost_workers(session, sweep.last_heartbeats(session, timedelta(seconds=30)))
    with session_scope(engine) as session:
        orphans = sweep.orphans(session)
    rescued = 0
    for orphan in orphans:
        with session_scope(engine) as session:
            rescued += sweep.rescue(session, orphan)
    return rescued


def make_due(engine: Engine) -> None:
    """Let every queued job be due now, however long it should pause."""
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET run_at = now() WHERE status = 'queued'"))


def ask_to_cancel(engine: Engine, job_id: UUID, lock_timeout: str = "5s") -> None:
    """Cancel as a support person; `lock_timeout`: how long to wait for a job or a row that somebody holds."""
    with session_scope(engine) as session:
        session.connection().execute(text(f"SET LOCAL lock_timeout = '{lock_timeout}'"))
        cancel(session, job_id, SUPPORT, "the customer asked")


def at_checkpoint(monkeypatch: pytest.MonkeyPatch, number: int, *, before: Any = None, after: Any = None) -> list[int]:
    """Call a function before or after the checkpoint with this number (from 0); returns the checkpoints passed."""
    real, passed = run_module.checkpoint, []

    def checkpoint(*args: Any) -> bool:
        passed.append(len(passed))
        if before and len(passed) - 1 == number:
            before()
        answer = real(*args)
        if after and len(passed) - 1 == number:
            after()
        return answer

    monkeypatch.setattr(run_module, "checkpoint", checkpoint)
    return passed


def die(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that ends the present run without another write, as a power cut would."""

    def dead(*_: Any) -> Any:
        raise Killed

    def kill() -> None:
        monkeypatch.setattr(run_module, "_end", dead)
        raise Killed

    return kill


def picture(engine: Engine, user_id: UUID) -> dict[str, Any]:
    """Return all that a user's screens would show of demo mode, row by row."""
    with Session(engine) as session:
        user = session.get_one(User, user_id)
        interactions = session.exec(select(Interaction).where(Interaction.user_id == user_id))
        accounts = session.exec(select(PlatformConnection).where(PlatformConnection.user_id == user_id))
        return {
            "state": user.demo_mode_status.value,
            "preset": user.demo_preset,
            "interactions": sorted((str(i.id), i.body, i.created_at) for i in interactions if i.is_demo),
            "connections": sorted((str(c.id), c.handle) for c in accounts if c.is_demo),
        }


def own_rows(engine: Engine, user_id: UUID) -> tuple[int, int]:
    """Return how many real interactions and connections the user has."""
    with Session(engine) as session:
        interactions = session.exec(
            select(Interaction).where(Interaction.user_id == user_id, Interaction.is_demo.is_(False))
        )
        accounts = select(PlatformConnection).where(
            PlatformConnection.user_id == user_id, PlatformConnection.is_demo.is_(False)
        )
        return len(interactions.all()), len(session.exec(accounts).all())


def job_row(engine: Engine, job_id: UUID) -> BackgroundJob:
    """Return the job as it is now."""
    with Session(engine) as session:
        return session.get_one(BackgroundJob, job_id)


def empty(engine: Engine) -> None:
    """Empty every table of a database that is in use; a TRUNCATE and an open page would wait for each other.

    It is also faster for a few rows: a TRUNCATE makes twenty tables and their indexes anew.
    """
    with engine.begin() as connection:
        delete_all(connection, tables_of(connection))


def tables_of(connection: Connection) -> list[str]:
    """Return the names of all tables but the revision's."""
    return [name for name in inspect(connection).get_table_names() if name != "unstuck_version"]


def delete_all(connection: Connection, names: list[str]) -> None:
    """Delete the rows of these tables, in one statement to the server."""
    statements = [f"DELETE FROM {name}" for name in names]
    driver: Any = connection.connection.driver_connection
    driver.execute("; ".join(["SET LOCAL session_replication_role = replica", *statements]))  # events are append-only
