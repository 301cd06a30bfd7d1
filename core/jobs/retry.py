"""Retrying: the finished job stays in the history; a retry is a new job that points to it.

One or many in one transaction: the statements are the same, however many there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError
from sqlmodel import Session, col, select

from core import bus, clock
from core.actor import Actor
from core.errors import AlreadyActive, Invalid, NotAllowed, NotFound, NotPermitted, Refused
from core.jobs import followed
from core.jobs.followed import one_of
from core.jobs.request import Accepted, JobOptions, check_start_beside, move, note
from core.jobs.request_tasks import TaskRetry, retry_tasks
from core.jobs.subject import Subject, machine_of
from core.models import BackgroundJob, Event, JobStatus, PlatformConnection, User
from core.models.columns import new_id
from core.operation import Operation, Task
from core.operations import BY_NAME
from core.wording import problems_of

#: Arguments by their names.
Changes = Mapping[str, Any]
NO_CHANGES: Final[Changes] = MappingProxyType({})

RETRYABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
_ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)
#: Users are locked first, then connections, then jobs, each in the order of their ids: nobody waits in a circle.
_TABLES: tuple[type[Subject], ...] = (User, PlatformConnection)


@dataclass(slots=True)
class _Loaded:
    """Jobs to retry, their subjects by id, and what is active beside them."""

    jobs: dict[UUID, BackgroundJob] = field(default_factory=dict)
    subjects: dict[UUID, Subject] = field(default_factory=dict)
    #: Id and kind of the active job of a machine's row, and the id of the active retry of a task's job.
    of_rows: dict[tuple[str, UUID], tuple[UUID, str]] = field(default_factory=dict)
    of_tasks: dict[UUID, UUID] = field(default_factory=dict)
    #: Columns of the new jobs of operations, and the new jobs of tasks by their names; not written yet.
    made: list[dict[str, Any]] = field(default_factory=list)
    of_task: dict[str, list[TaskRetry]] = field(default_factory=dict)
    #: Arguments that the new jobs have with other values.
    changes: Changes = field(default_factory=dict)
    #: By the id of a job, if such a job is left out: its newest retry that was not cancelled, and the newest job that
    #: its row was given since.
    retried: dict[UUID, UUID] = field(default_factory=dict)
    followed: dict[UUID, UUID] = field(default_factory=dict)


def retry(
    session: Session,
    job_id: UUID,
    actor: Actor,
    reason: str | None = None,
    changes: Changes = NO_CHANGES,
    *,
    once: bool = False,
) -> Accepted:
    """Request the same work again, as a new job with `retry_of`; `changes`: arguments with other values, by name.

    A person may retry a job again whose retry has ended; `once`: such a job is left out, too, as one of many.
    Raises NotFound; NotPermitted (a task that this person has no right to start); Invalid (no reason given, or a value
    that does not fit); NotAllowed (not failed or cancelled, or the user's state has changed); AlreadyActive.
    """
    [(_, outcome)] = retry_many(session, [UUID(str(job_id))], actor, reason, changes, once=once)
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def retry_many(
    session: Session,
    ids: Sequence[UUID],
    actor: Actor,
    reason: str | None = None,
    changes: Changes = NO_CHANGES,
    *,
    once: bool = True,
) -> list[tuple[UUID, Accepted | Refused]]:
    """Retry each of these jobs that can be, and return for each its new job, or why there is none.

    `once`: not those that somebody has retried already, nor those whose user or connection another job has moved since:
    an old failure to disable must not undo what was enabled after it.
    """
    loaded = _load(session, ids, lock=True, once=once)
    loaded.changes = changes
    now = session.exec(select(clock.db_now())).one()
    outcomes = [(job_id, _retried(session, loaded, job_id, actor, JobOptions(reason=reason), now)) for job_id in ids]
    session.flush()
    if loaded.made:  # as columns: objects would take longer than all else
        session.execute(sa.insert(BackgroundJob), loaded.made)
        session.execute(sa.insert(Event), [_noted(session, made, actor) for made in loaded.made])
    for name, retries in loaded.of_task.items():
        retry_tasks(session, cast("Task[Any]", BY_NAME[name]), retries, actor, reason)
    return outcomes


def _noted(session: Session, made: dict[str, Any], actor: Actor) -> dict[str, Any]:
    operation: Any = BY_NAME[made["kind"]]
    return note(session, SimpleNamespace(**made), actor, now=operation.during.value)


def refusals_of_retry(
    session: Session, ids: Sequence[UUID], changes: Changes = NO_CHANGES, *, once: bool = True
) -> dict[UUID, str]:
    """Return which of these jobs cannot be retried as things stand, each with the reason; nothing is locked."""
    loaded = _load(session, ids, lock=False, once=once)
    loaded.changes = changes
    refusals = {}
    for job_id, job in loaded.jobs.items():
        try:
            kind, _, subject = _check(loaded, job)
        except Refused as refusal:
            refusals[job_id] = str(refusal)
            continue
        if subject is not None:  # the next one for the same row would find this one active
            loaded.of_rows[kind.machine.name, subject.id] = job.id, job.kind
    return refusals


def _load(session: Session, ids: Sequence[UUID], *, lock: bool, once: bool) -> _Loaded:
    loaded, places = _Loaded(), _places(session, ids)
    for table in _TABLES:
        row_ids = {row_id for machine, row_id in places if row_id and machine.table is table}
        loaded.subjects |= _rows(session, table, row_ids, lock=lock)
    loaded.jobs = _rows(session, BackgroundJob, ids, lock=lock)
    subject = sa.func.coalesce(col(BackgroundJob.connection_id), col(BackgroundJob.user_id))
    active = col(BackgroundJob.status).in_(_ACTIVE)
    if loaded.subjects:
        of_rows = sa.select(col(BackgroundJob.machine), subject, col(BackgroundJob.id), col(BackgroundJob.kind))
        machines = {machine.name for machine, _ in places}
        those = of_rows.where(col(BackgroundJob.machine).in_(machines), subject.in_(loaded.subjects), active)
        loaded.of_rows = {(row[0], row[1]): (row[2], row[3]) for row in session.execute(those)}
    is_of_task = sa.and_(one_of(col(BackgroundJob.retry_of), ids), col(BackgroundJob.machine).is_(None))
    of_tasks = sa.select(col(BackgroundJob.retry_of), col(BackgroundJob.id)).where(is_of_task, active)
    loaded.of_tasks = {row[0]: row[1] for row in session.execute(of_tasks)}
    if once:  # read after the locks: who has retried one meanwhile has committed it
        loaded.retried, loaded.followed = followed.retries(session, ids), followed.newer(session, ids)
    return loaded


def _places(session: Session, ids: Sequence[UUID]) -> list[tuple[Any, UUID | None]]:
    """Return the machines that these jobs move, each with the id of its row."""
    job = BackgroundJob
    columns = col(job.kind), col(job.machine), col(job.user_id), col(job.connection_id)
    found: Any = session.execute(sa.select(*columns).where(one_of(col(job.id), ids)))
    return [
        (machine, machine.id_in(each.user_id, each.connection_id)) for each in found if (machine := machine_of(each))
    ]


def _rows(session: Session, table: type[Any], ids: Iterable[UUID], *, lock: bool) -> dict[UUID, Any]:
    if not ids:
        return {}
    rows = select(table).where(one_of(col(table.id), ids)).order_by(table.id)
    if lock:  # a subject not against inserts that refer to it
        rows = rows.with_for_update(key_share=table is not BackgroundJob).execution_options(populate_existing=True)
    return {row.id: row for row in session.exec(rows)}


def _retried(
    session: Session, loaded: _Loaded, job_id: UUID, actor: Actor, options: JobOptions, now: datetime
) -> Accepted | Refused:
    """Return the new job, not written yet; or why there is none."""
    job = loaded.jobs.get(job_id)
    if job is None:
        return NotFound(f"There is no job with id {job_id}.")
    try:
        kind, form, subject = _check(loaded, job)
        if isinstance(kind, Task):
            _check_right_to_start(kind, actor, options.reason)
    except Refused as refusal:
        return refusal
    options = JobOptions(reason=options.reason, retry_of=job.id)
    bus.changed(session, job_id=job.id, user_id=job.user_id)  # it is dealt with from now on
    if isinstance(kind, Task) or subject is None:
        accepted = Accepted(new_id(), job.kind)
        loaded.of_task.setdefault(job.kind, []).append(TaskRetry(accepted, form, job.id))
        loaded.of_tasks[job.id] = accepted.id
        return accepted
    new = move(kind, subject, form, actor, options, now)
    loaded.made.append(new)
    loaded.of_rows[kind.machine.name, subject.id] = new["id"], new["kind"]
    return Accepted(new["id"], new["kind"])


def _check(loaded: _Loaded, job: BackgroundJob) -> tuple[Any, BaseModel, Subject | None]:
    """Return the kind, the input and the row of a job that can be retried now. Raises Refused."""
    if job.status not in RETRYABLE:
        raise NotAllowed(f"Only a failed or cancelled job can be retried; this one is {job.status}.")
    kind = BY_NAME.get(job.kind)
    if kind is None:
        raise NotAllowed(f"This version of the program has no kind {job.kind}.")
    try:
        form = kind.form(**{**job.args, **loaded.changes})
    except (ValidationError, TypeError) as error:  # nor if they are no object at all
        if loaded.changes and isinstance(error, ValidationError):
            raise _unfit(kind, error) from None
        raise NotAllowed(f"The arguments of this {job.kind} are no longer valid; start a new job instead.") from None
    if job.id in loaded.followed and loaded.followed[job.id] != loaded.retried.get(job.id):
        noun = "connection" if job.connection_id else "user"
        raise NotAllowed(f"This {noun} has a newer job (job {loaded.followed[job.id]}).")
    if isinstance(kind, Task):
        if job.id in loaded.of_tasks:
            active = loaded.of_tasks[job.id]
            raise AlreadyActive(f"A retry of this job is already active (job {active}).", active)
        subject = None
    else:
        subject = _subject_of(loaded, kind, job)
    if job.id in loaded.retried:
        raise NotAllowed(f"It was retried already (job {loaded.retried[job.id]}).")
    return kind, form, subject


def _unfit(kind: Any, error: ValidationError) -> Invalid:
    fields = problems_of(error)
    return Invalid(f"{kind.label}: " + "; ".join(f"{name}: {why}" for name, why in fields.items()), fields)


def _subject_of(loaded: _Loaded, operation: Operation[Any, Any], job: BackgroundJob) -> Subject:
    if operation.needs_consent:
        raise NotAllowed(
            f"{operation.label} starts with the customer's consent. They can do it: {operation.owners_way}"
        )
    row_id = operation.machine.id_in(job.user_id, job.connection_id)
    subject = loaded.subjects.get(row_id) if row_id else None
    if subject is None:
        raise NotAllowed("The user or connection of this job has been deleted.")
    check_start_beside(operation, subject, loaded.of_rows.get((operation.machine.name, subject.id)))
    return subject


def _check_right_to_start(task: Task[Any], actor: Actor, reason: str | None) -> None:
    """Check a retried task like a new one: the person needs the task's role and, if mandatory, a reason."""
    if not actor.may(task.role):
        raise NotPermitted(
            f"Retrying {task.name} needs the role {task.role}; you are {actor.role}.", role=task.role.value
        )
    if task.needs_reason and not reason:
        raise Invalid(f"Retrying {task.name} needs a reason.", {"reason": "Say why in a few words."})
