"""Retrying: the finished job stays in the history; a retry is a new job that points to it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlmodel import Session, col, select

from core import bus
from core.actor import Actor
from core.errors import AlreadyActive, Invalid, NotAllowed, NotFound, NotPermitted
from core.jobs.request import Accepted, JobOptions, check_start, request, request_task
from core.jobs.subject import lock_job
from core.models import BackgroundJob, JobStatus
from core.operation import Operation, Task
from core.operations import BY_NAME

RETRYABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


def retry(session: Session, job_id: UUID, actor: Actor, reason: str | None = None) -> BackgroundJob | Accepted:
    """Request the same work again, as a new job with `retry_of`.

    Raises NotFound; NotPermitted (a task that this person has no right to start); Invalid (no reason given); NotAllowed
    (not failed or cancelled, or the user's state has changed); AlreadyActive.
    """
    job = lock_job(session, job_id)
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    if job.status not in RETRYABLE:
        raise NotAllowed(f"Only a failed or cancelled job can be retried; this one is {job.status}.")
    kind = BY_NAME.get(job.kind)
    if kind is None:
        raise NotAllowed(f"This version of the program has no kind {job.kind}.")
    try:
        form = kind.form(**job.args)
    except ValidationError:
        raise NotAllowed(f"The arguments of this {job.kind} are no longer valid; start a new job instead.") from None
    options = JobOptions(reason=reason, retry_of=job.id)
    bus.changed(session, job_id=job.id, user_id=job.user_id)  # it is dealt with from now on
    if not isinstance(kind, Operation):
        _check_right_to_start(kind, actor, reason)
        _refuse_second_retry(session, job)
        return request_task(session, kind, form, actor, options)
    if kind.needs_consent:
        raise NotAllowed(f"{kind.label} starts with the customer's consent. They can do it: {kind.owners_way}")
    row_id = kind.machine.id_in(job.user_id, job.connection_id)
    if row_id is None:
        raise NotAllowed("The user or connection of this job has been deleted.")
    return request(session, kind, row_id, form, actor, options)


def refusals_of_retry(session: Session, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return which of these jobs cannot be retried as things stand, each with the reason; nothing is locked."""
    jobs = session.exec(select(BackgroundJob).where(col(BackgroundJob.id).in_(ids))).all()
    refusals = ((job.id, _refusal_of(session, job)) for job in jobs)
    return {job_id: reason for job_id, reason in refusals if reason}


def _refusal_of(session: Session, job: BackgroundJob) -> str:
    if job.status not in RETRYABLE:
        return f"Only a failed or cancelled job can be retried; this one is {job.status}."
    kind = BY_NAME.get(job.kind)
    try:
        if kind is None:
            return f"This version of the program has no kind {job.kind}."
        if not isinstance(kind, Operation):
            _refuse_second_retry(session, job)
            return ""
        row_id = kind.machine.id_in(job.user_id, job.connection_id)
        if row_id is None or (row := session.get(kind.machine.table, row_id)) is None:
            return "The user or connection of this job has been deleted."
        check_start(session, kind, row)
    except (AlreadyActive, NotAllowed) as refusal:
        return str(refusal)
    return ""


def _check_right_to_start(task: Task[Any], actor: Actor, reason: str | None) -> None:
    """Check a retried task like a new one: the person needs the task's role and, if mandatory, a reason."""
    if not actor.may(task.role):
        raise NotPermitted(
            f"Retrying {task.name} needs the role {task.role}; you are {actor.role}.", role=task.role.value
        )
    if task.needs_reason and not reason:
        raise Invalid(f"Retrying {task.name} needs a reason.", {"reason": "Say why in a few words."})


def _refuse_second_retry(session: Session, job: BackgroundJob) -> None:
    active = session.exec(
        select(BackgroundJob).where(
            col(BackgroundJob.retry_of) == job.id,
            col(BackgroundJob.kind) == job.kind,
            col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        )
    ).first()
    if active:
        raise AlreadyActive(f"A retry of this job is already active (job {active.id}).", active.id)
