"""Retrying: an ended job stays as it is; a retry is a new job that points to it."""

from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlmodel import Session, col, select

from core.actor import Actor
from core.errors import AlreadyActive, Invalid, NotAllowed, NotFound, NotPermitted
from core.jobs.request import Accepted, JobOptions, request, request_task
from core.jobs.subject import lock_job
from core.models import BackgroundJob, JobStatus
from core.operation import Operation, Task
from core.operations import BY_NAME

RETRYABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


def retry(session: Session, job_id: UUID, actor: Actor, reason: str | None = None) -> BackgroundJob | Accepted:
    """Ask for the same work again, as a new job with `retry_of`.

    Raises NotFound; NotPermitted (a task that this person could not start); Invalid (it
    needs a reason); NotAllowed (not failed or cancelled, or its user is elsewhere by now); AlreadyActive.
    """
    old = lock_job(session, job_id)
    if old is None:
        raise NotFound(f"There is no job with id {job_id}.")
    if old.status not in RETRYABLE:
        raise NotAllowed(f"Only a failed or cancelled job can be retried; this one is {old.status}.")
    kind = BY_NAME.get(old.kind)
    if kind is None:
        raise NotAllowed(f"{old.kind} is not a kind of job that this version of the program knows.")
    try:
        form = kind.form(**old.args)
    except ValidationError:
        raise NotAllowed(f"The arguments of this {old.kind} no longer fit; start a new one instead.") from None
    asked = JobOptions(reason=reason, retry_of=old.id)
    if not isinstance(kind, Operation):
        _refuse_start(kind, actor, reason)
        _refuse_second(session, old)
        return request_task(session, kind, form, actor, asked)
    row_id = kind.machine.id_in(old.user_id, old.connection_id)
    if row_id is None:
        raise NotAllowed("The user or connection that this job was for has been deleted.")
    return request(session, kind, row_id, form, actor, asked)


def _refuse_start(task: Task[Any], actor: Actor, reason: str | None) -> None:
    """Starting again is starting: an operation is for whoever helps, a task for who may start it, saying why."""
    if not actor.may(task.role):
        raise NotPermitted(
            f"{task.label} needs the role {task.role}, again too; you are {actor.role}.", role=task.role.value
        )
    if task.needs_reason and not reason:
        raise Invalid(f"{task.label} needs a reason, again too.", {"reason": "Say in a few words why."})


def _refuse_second(session: Session, old: BackgroundJob) -> None:
    active = session.exec(
        select(BackgroundJob).where(
            col(BackgroundJob.retry_of) == old.id,
            col(BackgroundJob.kind) == old.kind,
            col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        )
    ).first()
    if active:
        raise AlreadyActive(f"A retry of this job is already under way (job {active.id}).", active.id)
