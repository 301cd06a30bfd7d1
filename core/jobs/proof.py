"""The state in which a job leaves its row: what the row must say if all went through the program."""

from enum import StrEnum
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.jobs.request_tasks import SOON
from core.models import BackgroundJob, Event, JobStatus
from core.operation import Operation
from core.operations import BY_NAME

#: The events that end a job, by its status.
ENDINGS: Final = {
    "job.succeeded": JobStatus.SUCCEEDED,
    "job.failed": JobStatus.FAILED,
    "job.cancelled": JobStatus.CANCELLED,
}


def state_after(kind: Operation[Any, Any], job: BackgroundJob, status: JobStatus) -> StrEnum:
    """Return the state of the row once its job has ended so; one that changed nothing returns the former state.

    A job changes nothing before it begins, or, cancelled, before as much is done as its operation says. One that was
    never claimed does not fail, but by hand.
    """
    if status is JobStatus.SUCCEEDED:
        return kind.target
    never_began = not job.has_begun and (job.token or status is not JobStatus.FAILED)
    is_as_before = status is JobStatus.CANCELLED and job.progress_done < kind.returns_before
    if (never_began or is_as_before) and job.came_from in set(type(kind.during)):
        return type(kind.during)(job.came_from)
    return kind.machine.failed if status is JobStatus.FAILED else kind.cancelled_state


def is_untouched(kind: Operation[Any, Any], job: BackgroundJob, row: Any) -> bool:
    """Tell whether a job has not begun, from its locked row: it was never claimed, or it was planned and its worker was
    lost before it moved the row.

    The state of an operation that cleans up, and so does not move its row, does not tell: it counts as begun.
    """
    state = kind.machine.state_of(row)
    return job.token == 0 or (job.progress_total == 0 and job.came_from == state != kind.during)


def is_plan(job: BackgroundJob, state: StrEnum) -> bool:
    """Tell whether a job was requested for later and has not begun: until then it leaves its row, in `state`, alone.

    A row in the job's own transitional state does not tell: a person may have put off a job that had moved it.
    """
    kind = BY_NAME.get(job.kind)
    if not isinstance(kind, Operation) or job.status is not JobStatus.QUEUED or job.has_begun:
        return False
    return job.came_from is not None and state != kind.during and job.run_at > job.created_at + SOON


def ending_of(session: Session, job: BackgroundJob) -> JobStatus | None:
    """Return how the program ended an operation's job, as its first ending event says; None: it did not."""
    names = fetch(session, _ending(), job_id=job.id)
    return ENDINGS[names[0][0]] if names else None


def true_status(job: BackgroundJob, ending: JobStatus | None) -> JobStatus:
    """Return how an ended job must be read: by its event, which the archive takes away some day, or by its status.

    A success that a person wrote has no result: nothing proves that the work was done.
    """
    if ending is not None:
        return ending
    return JobStatus.FAILED if is_by_hand(job, ending) and job.status is JobStatus.SUCCEEDED else job.status


def is_by_hand(job: BackgroundJob, ending: JobStatus | None) -> bool:
    """Tell whether a person wrote an ended job's status: it differs from the event, or the job has no end."""
    return job.finished_at is None or (ending is not None and ending is not job.status)


def proven_state(job: BackgroundJob | None, ending: JobStatus | None) -> StrEnum | None:
    """Return the state that a row's last job proves, if it has ended; None without a job of a known operation."""
    kind = BY_NAME.get(job.kind) if job else None
    if job is None or not isinstance(kind, Operation):
        return None
    return state_after(kind, job, true_status(job, ending))


@cache
def _ending() -> Query:
    events = sa.select(col(Event.name)).where(
        col(Event.job_id) == sa.bindparam("job_id"), col(Event.name).in_(list(ENDINGS))
    )
    return events.order_by(col(Event.id)).limit(1)
