"""Cancelling: a queued job ends at once; a running job stops at its next checkpoint."""

from uuid import UUID

from sqlmodel import Session

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.errors import NotAllowed, NotFound
from core.jobs import finish
from core.jobs.subject import lock_job
from core.models import TERMINAL, BackgroundJob, JobStatus


def cancel(session: Session, job_id: UUID, actor: Actor, reason: str | None = None) -> BackgroundJob:
    """Cancel a queued job at once, or ask a running one to stop; a second call changes nothing.

    After an accepted cancel, the job never succeeds. Raises NotFound, or NotAllowed when the job has already finished.
    """
    job = lock_job(session, job_id)
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    if job.status in TERMINAL:
        raise NotAllowed(f"The job has already {_ENDED[job.status]}; it cannot be cancelled.")
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


_QUEUED = {"was": JobStatus.QUEUED.value, "now": JobStatus.CANCELLED.value}
_ENDED = {JobStatus.SUCCEEDED: "succeeded", JobStatus.FAILED: "failed", JobStatus.CANCELLED: "been cancelled"}
