"""Requesting a job: the row moves to its transitional state and the job is inserted, in the caller's transaction."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func
from sqlmodel import Session, col, select

from core import bus, clock, tracing
from core.actor import ENGINE, Actor
from core.audit.record import entry
from core.errors import AlreadyActive, NotAllowed, NotFound
from core.jobs.request_tasks import AT_ONCE, SOON, Accepted, JobOptions, request_task, request_task_now, request_tasks
from core.jobs.subject import lock_row
from core.models import BackgroundJob, Event, JobStatus, PlatformConnection, User
from core.models.columns import new_id
from core.operation import Operation
from core.operations import BY_NAME

__all__ = ["Accepted", "JobOptions", "active_job", "request", "request_task", "request_task_now", "request_tasks"]


def request(
    session: Session,
    operation: Operation[Any, Any],
    row_id: UUID,
    form: BaseModel,
    actor: Actor,
    options: JobOptions = AT_ONCE,
) -> BackgroundJob:
    """Move the row to `during` and queue the job for it, both or neither; for a later time, only queue the job.

    Raises NotFound (no such row), AlreadyActive (with the job's id), NotAllowed (not from this state).
    """
    row = lock_row(session, operation.machine.table, row_id)
    if row is None:
        raise NotFound(f"There is no {operation.machine.table.__name__.lower()} with id {row_id}.")
    check_start(session, operation, row)
    job = BackgroundJob(**move(operation, row, form, actor, options, clock.db_now()))
    session.add(job)
    session.flush()
    session.add(Event(**note(session, job, actor, now=operation.machine.state_of(row).value)))
    return job


def move(
    operation: Operation[Any, Any],
    row: User | PlatformConnection,
    form: BaseModel,
    actor: Actor,
    options: JobOptions,
    now: Any,
) -> dict[str, Any]:
    """Move a row that is locked and may start, and return the columns of its job; `now` is the database's time."""
    user_id, connection_id = (row.user_id, row.id) if isinstance(row, PlatformConnection) else (row.id, None)
    came_from = operation.machine.state_of(row)
    if options.is_soon:  # else it moves when the job begins
        operation.machine.set_state(row, operation.during)
    return {
        "id": new_id(),
        "kind": operation.name,
        "queue": operation.queue,
        "priority": operation.priority,
        "max_attempts": operation.max_attempts,
        "machine": operation.machine.name,
        "came_from": came_from.value,
        "user_id": user_id,
        "connection_id": connection_id,
        "args": form.model_dump(mode="json"),
        "run_at": options.run_at or now,
        "created_at": now,
        "updated_at": now,
        "reason": options.reason,
        "retry_of": options.retry_of,
        "schedule_id": options.schedule_id,
        "requested_by": actor.id,
    }


def request_by_name(session: Session, name: str, row_id: UUID) -> None:
    """Request an operation by the program, in the transaction of a job that wants it; it needs no input."""
    operation: Any = BY_NAME[name]
    request(session, operation, row_id, operation.form(), ENGINE)


def active_job(session: Session, operation: Operation[Any, Any], row_id: UUID) -> BackgroundJob | None:
    """Return the active job on this row's machine, or None."""
    subject = func.coalesce(col(BackgroundJob.connection_id), col(BackgroundJob.user_id))
    return session.exec(
        select(BackgroundJob).where(
            col(BackgroundJob.machine) == operation.machine.name,
            subject == row_id,
            col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        )
    ).first()


def check_start(session: Session, operation: Operation[Any, Any], row: User | PlatformConnection) -> None:
    """Raise AlreadyActive or NotAllowed where the operation cannot be requested for this row now."""
    active = active_job(session, operation, row.id)
    check_start_beside(operation, row, (active.id, active.kind) if active else None)


def check_start_beside(
    operation: Operation[Any, Any], row: User | PlatformConnection, active: tuple[UUID, str] | None
) -> None:
    """Do the same where the id and kind of the row's active job are known; None: it has none."""
    if active:
        job_id, kind = active
        raise AlreadyActive(
            f"{kind} is already active for this {type(row).__name__.lower()} (job {job_id}); "
            "wait for it or cancel it first.",
            job_id,
        )
    if not operation.machine.covers(row):
        raise NotAllowed(f"{operation.label} is not for this {type(row).__name__.lower()}: demo mode made it.")
    if not operation.allowed_from(row):
        if why := operation.refusal(row):
            raise NotAllowed(why)
        starts = " or ".join(sorted(operation.source))
        raise NotAllowed(
            f"{operation.label} cannot start from {operation.machine.state_of(row)}; it starts from {starts}."
        )


def note(session: Session, job: Any, actor: Actor, *, now: str) -> dict[str, Any]:
    """Let workers and screens know of a request, and return the columns of its event; `now` is the row's state."""
    tracing.note_request(job.id, job.kind, job.queue)
    bus.changed(session, job_id=job.id, user_id=job.user_id)
    if job.run_at <= clock.now() + SOON:
        bus.wake(session, job.queue)
    about = {"user_id": job.user_id, "connection_id": job.connection_id, "job_id": job.id}
    data = {"kind": job.kind, "args": job.args, "retry_of": job.retry_of and str(job.retry_of), "was": job.came_from}
    return entry(actor, "job.requested", about, job.reason, {**data, "now": now})
