"""Registered workers: one row per start of a process, one heartbeat for all of its jobs."""

import os
import socket
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, or_, text, update
from sqlmodel import Session, col, select

from core import clock
from core.jobs import finish
from core.jobs.claim import IS_SUSPECT
from core.jobs.subject import lock_held, wait_briefly
from core.models import BackgroundJob, JobStatus, Worker
from core.models.columns import new_id
from core.settings import settings

# A step's time limit is a span, so it goes along when the database's clock steps. What was set since has a later one;
# a job whose row is locked comes to a checkpoint or to its end.
_OWN = """id IN (SELECT id FROM background_jobs WHERE worker_id = :worker AND status = 'running' AND {}
                  FOR UPDATE SKIP LOCKED)"""
_PUT_OFF = text(f"""UPDATE background_jobs SET deadline_at = deadline_at + :step
    WHERE {_OWN.format("deadline_at <= statement_timestamp() - CAST(:step AS interval) + :limit")}""")  # noqa: S608
_BRING_BACK = text(f"""UPDATE background_jobs SET deadline_at = statement_timestamp() + :limit
    WHERE {_OWN.format("deadline_at > statement_timestamp() + CAST(:limit AS interval)")}""")  # noqa: S608


#: How long a suspect may keep others from starting in its process.
ALONE = timedelta(minutes=1)
_IS_ALONE = f"""status = 'running' AND {IS_SUSPECT}
              AND claimed_at > statement_timestamp() - CAST(:alone AS interval)"""
_RUNS_SUSPECT = text(f"SELECT EXISTS (SELECT FROM background_jobs WHERE queue = :queue AND {_IS_ALONE})")  # noqa: S608
# Of workers that run suspects at the same time, the one that claimed last starts the other jobs of the queue: so two
# that ask at once do not wait for each other.
_OTHERS_SERVE = text(f"""
    WITH alone AS (SELECT worker_id, (claimed_at, id) AS since FROM background_jobs WHERE {_IS_ALONE})
    SELECT EXISTS (
        SELECT FROM workers w WHERE w.id <> :worker AND :queue = ANY (queues) AND lost_at IS NULL AND stopped_at IS NULL
        AND heartbeat_at > statement_timestamp() - CAST(:silent AS interval)
        AND NOT EXISTS (SELECT FROM alone other JOIN alone own ON own.worker_id = :worker
                        WHERE other.worker_id = w.id AND other.since < own.since))
""")  # noqa: S608 - constants of this program
#: Names what a supervisor knows a worker by, in the environment of its process.
LAUNCH = "UNSTUCK_LAUNCH"


def register(session: Session, *, threads: int, queues: Sequence[str], version: str) -> UUID:
    """Insert the row of a starting worker and return its id, which is new at every start."""
    launch = os.environ.get(LAUNCH)
    worker = Worker(
        id=new_id(),
        host=socket.gethostname(),
        pid=os.getpid(),
        threads=threads,
        queues=list(queues),
        version=version,
        launch=UUID(launch) if launch else None,
        lease_seconds=settings().lease_seconds,
        started_at=clock.db_now(),
        heartbeat_at=clock.db_now(),
    )
    session.add(worker)
    session.flush()
    return worker.id


class Orders(NamedTuple):
    """What people want of a worker (core/queues/quieting.py)."""

    is_quiet: bool
    must_stop: bool


def beat(
    session: Session,
    worker_id: UUID,
    memory_mb: int | None,
    stalled: Sequence[str] = (),
    memory_curve: Sequence[int] = (),
) -> Orders | None:
    """Record a heartbeat, memory and the names of stalled threads, and return people's orders.

    None: it was presumed dead; then it must register again.
    """
    memory = {"memory_mb": memory_mb, "memory_curve": list(memory_curve)}
    orders = session.exec(
        update(Worker)
        .where(col(Worker.id) == worker_id, col(Worker.lost_at).is_(None), col(Worker.stopped_at).is_(None))
        .values(heartbeat_at=clock.db_now(), stalled=list(stalled), **memory)
        .returning(col(Worker.quiet_at), col(Worker.stop_at))
    ).first()
    return Orders(orders[0] is not None, orders[1] is not None) if orders else None


def take_orders(session: Session, worker_id: UUID, of: UUID) -> None:
    """Take over the orders of a worker's former identity, which was presumed dead."""
    old = session.get(Worker, of)
    if old and (old.quiet_at or old.stop_at):
        names = ("queues", "quiet_queues", "quiet_at", "quiet_by", "quiet_reason", "stop_at")
        session.exec(update(Worker).where(col(Worker.id) == worker_id).values({n: getattr(old, n) for n in names}))


def deregister(session: Session, worker_id: UUID) -> None:
    """Record that the worker shut down cleanly."""
    session.exec(update(Worker).where(col(Worker.id) == worker_id).values(stopped_at=clock.db_now()))


def mark_ended(session: Session, launch: UUID) -> int:
    """Mark the worker of a process that has ended as lost; return how many there were."""
    own = (col(Worker.launch) == launch, col(Worker.lost_at).is_(None), col(Worker.stopped_at).is_(None))
    return session.exec(update(Worker).where(*own).values(lost_at=clock.db_now())).rowcount


def is_lost(session: Session, launch: UUID) -> bool | None:
    """Tell whether the last worker that a process has registered is lost; None if there is none."""
    own = col(Worker.launch) == launch
    newest = select(col(Worker.lost_at).is_not(None)).where(own).order_by(col(Worker.id).desc())
    return session.exec(newest).first()


def others_serve(connection: Connection, worker_id: UUID, queue: str) -> bool:
    """Tell whether another worker starts jobs of a queue: one that is heard of, and runs no suspect for longer."""
    silent = min(2 * settings().heartbeat, settings().lease)
    values = {"worker": worker_id, "queue": queue, "silent": silent, "alone": ALONE}
    return bool(connection.execute(_OTHERS_SERVE, values).scalar_one())


def runs_suspect(session: Session, queue: str) -> bool:
    """Tell whether a worker may keep its free threads from a queue's jobs, because of a suspect of that queue."""
    return bool(session.connection().execute(_RUNS_SUSPECT, {"queue": queue, "alone": ALONE}).scalar_one())


def carry_deadlines(session: Session, worker_id: UUID, step: timedelta, limit: timedelta) -> None:
    """Let the time limits of a worker's running steps go along with a step of the database's clock.

    After a step back, a time limit is over within `limit` from now, at the latest.
    """
    statement, values = (_PUT_OFF, {"step": step}) if step > timedelta() else (_BRING_BACK, {})
    session.connection().execute(statement, {"worker": worker_id, "limit": limit, **values})


def overdue(session: Session, worker_id: UUID, grace_seconds: float) -> list[tuple[UUID, int]]:
    """Return (id, token) of this worker's jobs past their time limit, or past a cancel by `grace_seconds`."""
    too_long = clock.db_now() - timedelta(seconds=grace_seconds)
    rows = session.exec(
        select(BackgroundJob.id, BackgroundJob.token).where(
            col(BackgroundJob.worker_id) == worker_id,
            col(BackgroundJob.status) == JobStatus.RUNNING,
            or_(col(BackgroundJob.cancel_requested_at) < too_long, col(BackgroundJob.deadline_at) < clock.db_now()),
        )
    )
    return [(job_id, token) for job_id, token in rows]


def held_by(session: Session, worker_id: UUID) -> set[tuple[UUID, int]]:
    """Return (id, token) of the jobs that this worker holds according to the database."""
    rows = session.exec(
        select(BackgroundJob.id, BackgroundJob.token).where(
            col(BackgroundJob.worker_id) == worker_id, col(BackgroundJob.status) == JobStatus.RUNNING
        )
    )
    return {(job_id, token) for job_id, token in rows}


def forgotten(session: Session, worker_id: UUID, claimed: Collection[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
    """Return (id, token) of jobs that this worker holds in the database but in none of its threads.

    They remain when the database was unreachable as a job finished.
    """
    return [key for key in held_by(session, worker_id) if key not in claimed]


def release(session: Session, job_id: UUID, token: int) -> None:
    """Put a forgotten job back into the queue, or settle it if a cancel was requested.

    Raises OperationalError when another transaction has its rows locked for longer than a second.
    """
    wait_briefly(session)
    if job := lock_held(session, job_id, token):
        finish.release(session, job)
