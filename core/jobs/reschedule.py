"""Rescheduling: another time for a job that waits in the queue, one between two attempts included."""

from datetime import datetime
from uuid import UUID

from pydantic import Field
from sqlmodel import Session, select

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.clock import ZonedTime
from core.errors import NotAllowed, NotFound, NotPermitted
from core.jobs.request_tasks import SOON
from core.jobs.subject import lock_job, lock_subject
from core.models import BackgroundJob, JobStatus
from core.operation import Form, Operation, Task
from core.operations import BY_NAME


class RescheduleForm(Form):
    """The time at which a job is to start."""

    at: ZonedTime = Field(title="Start at", description="With its zone: 2026-11-22T18:30:00Z.")


def reschedule(session: Session, job_id: UUID, at: datetime, actor: Actor, reason: str | None = None) -> BackgroundJob:
    """Make a queued job due at another time. An operation that has not begun gives its row back until then.

    Raises NotFound, NotAllowed when the job runs or has finished, or NotPermitted.
    """
    job = lock_queued(session, job_id, "rescheduled")
    _check_right(job, actor)
    now = session.exec(select(clock.db_now())).one()
    at = max(at, now)  # due before its request, it would be no plan
    was, is_later = job.run_at.isoformat(), at > now + SOON
    job.run_at, job.updated_at = at, clock.db_now()
    if is_later:
        _give_row_back(session, job)
    owner = {"user_id": job.user_id, "connection_id": job.connection_id}
    record(session, actor, "job.rescheduled", job_id=job.id, reason=reason, was=was, now=at.isoformat(), **owner)
    session.flush()
    session.refresh(job)
    bus.changed(session, job_id=job.id, user_id=job.user_id)
    if not is_later:
        bus.wake(session, job.queue)
    return job


def lock_queued(session: Session, job_id: UUID, verb: str) -> BackgroundJob:
    """Lock a job that waits in the queue, its subject first. Raises NotFound, or NotAllowed when it does not wait."""
    job = lock_job(session, job_id)
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    if job.status is not JobStatus.QUEUED:
        raise NotAllowed(f"Only a job that waits can be {verb}; this one is {job.status}.")
    return job


def _check_right(job: BackgroundJob, actor: Actor) -> None:
    """Ask for the right to start a task: who puts it off for a year has as good as cancelled it."""
    kind = BY_NAME.get(job.kind)
    if isinstance(kind, Task) and not actor.may(kind.role):
        message = f"Rescheduling {kind.name} needs the role {kind.role}; you are {actor.role}."
        raise NotPermitted(message, role=kind.role.value)


def _give_row_back(session: Session, job: BackgroundJob) -> None:
    """Return the row of a job that was never claimed to its state before the request, as if planned from the start."""
    kind, subject = BY_NAME.get(job.kind), lock_subject(session, job)
    if not isinstance(kind, Operation) or subject is None or job.token or job.has_begun:
        return
    if kind.machine.state_of(subject) == kind.during and job.came_from in set(type(kind.during)):
        kind.machine.set_state(subject, type(kind.during)(job.came_from))
