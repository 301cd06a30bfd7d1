"""Cancelling: a queued job ends at once; a running job stops at its next checkpoint."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.errors import NotAllowed, NotFound
from core.jobs import finish
from core.jobs.fence import transition_waiting
from core.jobs.subject import lock_job
from core.models import TERMINAL, BackgroundJob, JobStatus
from core.operation import Operation
from core.operations import BY_NAME


def cancel(session: Session, job_id: UUID, actor: Actor, reason: str | None = None) -> BackgroundJob:
    """Cancel a queued job at once, or ask a running one to stop; a second call changes nothing.

    After an accepted cancel, the job never succeeds. Raises NotFound, or NotAllowed when the job has already finished.
    """
    job = lock_job(session, job_id)
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    if job.status in TERMINAL:
        raise NotAllowed(f"The job has already {ENDED[job.status]}; it cannot be cancelled.")
    if job.status is JobStatus.QUEUED:
        finish.settle(session, job, finish.cancelled(job, actor=actor, reason=reason, data=_QUEUED))
        session.refresh(job)
    elif job.cancel_requested_at is None:
        job.cancel_requested_at = clock.db_now()
        job.updated_at = clock.db_now()
        record(
            session,
            actor,
            "job.cancel_requested",
            user_id=job.user_id,
            connection_id=job.connection_id,
            job_id=job.id,
            reason=reason,
            was=job.status.value,
            now="stopping",
        )
        session.flush()
        bus.changed(session, job_id=job.id, user_id=job.user_id)
    return job


def cancel_waiting_tasks(session: Session, ids: Collection[UUID], actor: Actor, reason: str | None = None) -> set[UUID]:
    """Cancel those of these jobs that are tasks and wait, all in one statement, and return them.

    A task has no subject to settle, so nothing but the job changes; a job of an operation has one even if its row names
    no machine. Those that somebody else has locked are left out.
    """
    job = BackgroundJob
    columns = sa.select(col(job.id), col(job.token), col(job.retry_of), col(job.user_id), col(job.kind))
    waiting = columns.where(
        col(job.id).in_(ids), col(job.status) == JobStatus.QUEUED, col(job.machine).is_(None)
    ).order_by(col(job.id))
    locked = session.connection().execute(waiting.with_for_update(skip_locked=True)).all()
    rows = [row for row in locked if not isinstance(BY_NAME.get(row.kind), Operation)]
    to = replace(finish.CANCELLED, actor=actor, reason=reason, data=_QUEUED)
    done = transition_waiting(session, {row.id: row.token for row in rows}, to) if rows else set()
    for row in rows:
        if row.retry_of and row.id in done:
            bus.changed(session, job_id=row.retry_of, user_id=row.user_id)  # that failure is open again
    return done


_QUEUED = {"was": JobStatus.QUEUED.value, "now": JobStatus.CANCELLED.value}
ENDED = {JobStatus.SUCCEEDED: "succeeded", JobStatus.FAILED: "failed", JobStatus.CANCELLED: "been cancelled"}
