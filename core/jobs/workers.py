"""Workers say that they live: one row per life of a process, one heartbeat for all of its jobs."""

import os
import socket
from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from core import clock
from core.jobs import finish
from core.jobs.subject import lock_held
from core.models import BackgroundJob, JobStatus, Worker
from core.models.columns import new_id


def register(session: Session, *, threads: int, queues: Sequence[str], version: str) -> UUID:
    """Insert the row of a worker that starts now, and return its id: new at every start, never a host's name."""
    worker = Worker(
        id=new_id(),
        host=socket.gethostname(),
        pid=os.getpid(),
        threads=threads,
        queues=list(queues),
        version=version,
        started_at=clock.db_now(),
        heartbeat_at=clock.db_now(),
    )
    session.add(worker)
    session.flush()
    return worker.id


def beat(session: Session, worker_id: UUID, memory_mb: int | None) -> bool:
    """Say that the worker lives; False when it was presumed dead meanwhile and must register anew."""
    alive = session.exec(
        update(Worker)
        .where(col(Worker.id) == worker_id, col(Worker.lost_at).is_(None), col(Worker.stopped_at).is_(None))
        .values(heartbeat_at=clock.db_now(), memory_mb=memory_mb)
        .returning(col(Worker.id))
    ).first()
    return alive is not None


def deregister(session: Session, worker_id: UUID) -> None:
    """Note that the worker stopped of its own will."""
    session.exec(update(Worker).where(col(Worker.id) == worker_id).values(stopped_at=clock.db_now()))


def overdue(session: Session, worker_id: UUID, grace_seconds: float) -> list[tuple[UUID, int]]:
    """Return (id, token) of this worker's jobs that are past their time limit, or did not heed a cancel for `grace`."""
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
    """Return (id, token) of the jobs that are this worker's in the database."""
    rows = session.exec(
        select(BackgroundJob.id, BackgroundJob.token).where(
            col(BackgroundJob.worker_id) == worker_id, col(BackgroundJob.status) == JobStatus.RUNNING
        )
    )
    return {(job_id, token) for job_id, token in rows}


def forgotten(session: Session, worker_id: UUID, held: Collection[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
    """Return (id, token) of jobs that are this worker's in the database, but that none of its threads holds.

    That is what is left when the database was away at the moment of an ending.
    """
    return [key for key in held_by(session, worker_id) if key not in held]


def release(session: Session, job_id: UUID, token: int) -> None:
    """Put a forgotten job back into the queue, or to rest if someone asked to cancel it."""
    if job := lock_held(session, job_id, token):
        finish.release(session, job)
