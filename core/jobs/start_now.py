"""Starting a queued job now that would be due later: one planned for a time, or one between two attempts."""

from uuid import UUID

from sqlmodel import Session, select

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.jobs.reschedule import lock_queued
from core.models import BackgroundJob


def start_now(session: Session, job_id: UUID, actor: Actor, reason: str | None = None) -> BackgroundJob:
    """Make a queued job due now; one that is due already stays as it is.

    Raises NotFound, or NotAllowed when the job runs or has finished.
    """
    job = lock_queued(session, job_id, "started now")
    if job.run_at <= session.exec(select(clock.db_now())).one():
        return job
    was = job.run_at.isoformat()
    job.run_at = job.updated_at = clock.db_now()
    owner = {"user_id": job.user_id, "connection_id": job.connection_id}
    record(session, actor, "job.brought_forward", job_id=job.id, reason=reason, was=was, now="at once", **owner)
    session.flush()
    session.refresh(job)
    bus.changed(session, job_id=job.id, user_id=job.user_id)
    bus.wake(session, job.queue)
    return job
