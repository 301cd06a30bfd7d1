"""Failures whose work another job does again: that one counts in a rate of the work that was asked for.

A failure that was dismissed or repaired is dealt with, too, but its work was not done.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col

from core.models import BackgroundJob, JobStatus
from core.operation import Machine
from core.operations import MACHINES, operations_on


class Redone(StrEnum):
    """Whether a failed job's work was done again."""

    #: By a job that succeeded: the failure is mended.
    YES = "yes"
    #: It was requested again, and that job waits, runs or has failed.
    TRIED = "tried"
    NO = "no"


@cache
def is_redone(answer: Redone) -> ColumnElement[bool]:
    """Return the SQL condition for jobs with this answer; NO includes the jobs that did not fail."""
    if answer is Redone.YES:
        return _is_mended()
    if answer is Redone.TRIED:
        return sa.and_(_has_repeat(), sa.not_(_is_mended()))
    return sa.not_(sa.or_(_has_repeat(), _is_mended()))


def _has_repeat() -> ColumnElement[bool]:
    """Return the condition for failed jobs that were retried, or whose row's next job leads where it should."""
    job, later = BackgroundJob, aliased(BackgroundJob)
    retried = sa.exists().where(col(later.retry_of) == col(job.id), col(later.status) != JobStatus.CANCELLED)
    again = (sa.and_(col(job.kind).in_(names), _next_is_among(job, machine, names)) for machine, names in _ways())
    return sa.and_(col(job.status) == JobStatus.FAILED, sa.or_(retried.correlate(job), *again))


def _is_mended() -> ColumnElement[bool]:
    """Return the condition for failed jobs of which a repeat has succeeded, or a repeat of a repeat that failed."""
    job = BackgroundJob
    again = (
        sa.and_(col(job.kind).in_(names), _next_is_among(job, machine, names, succeeded=True))
        for machine, names in _ways()
    )
    return sa.and_(col(job.status) == JobStatus.FAILED, sa.or_(_has_retry_that_succeeded(job), *again))


def _ways() -> Iterator[tuple[Machine[Any], list[str]]]:
    """Yield, for each state that operations lead to, the machine and the names of these operations."""
    for machine in MACHINES:
        for target in {each.target for each in operations_on(machine)}:
            yield machine, sorted(each.name for each in operations_on(machine) if each.target == target)


def _has_retry_that_succeeded(job: Any) -> ColumnElement[bool]:
    first, further = aliased(BackgroundJob), aliased(BackgroundJob)
    repeats = (
        sa.select(col(first.id).label("id"), col(first.status).label("status"))
        .where(col(first.retry_of) == col(job.id))
        .correlate(job)
        .cte("repeats", recursive=True, nesting=True)
    )
    of_repeats = sa.select(col(further.id), col(further.status)).join(repeats, col(further.retry_of) == repeats.c.id)
    repeats = repeats.union_all(of_repeats)
    return sa.exists(sa.select(repeats.c.id).where(repeats.c.status == JobStatus.SUCCEEDED))


def _next_is_among(job: Any, machine: Machine[Any], names: list[str], *, succeeded: bool = False) -> Any:
    """Return whether the next job of the row that was not cancelled is one of these; `succeeded`: the next that did."""
    later = aliased(BackgroundJob)
    came_later = sa.tuple_(col(later.created_at), col(later.id)) > sa.tuple_(col(job.created_at), col(job.id))
    is_of_row = sa.and_(machine.id_column(later) == machine.id_column(job), col(later.machine) == machine.name)
    leads_there, status = col(later.kind).in_(names), col(later.status)
    counts = sa.not_(sa.and_(leads_there, status == JobStatus.FAILED)) if succeeded else sa.true()
    says = sa.and_(leads_there, status == JobStatus.SUCCEEDED) if succeeded else leads_there
    following = (
        sa.select(says)
        .where(is_of_row, came_later, status != JobStatus.CANCELLED, counts)
        .order_by(col(later.created_at), col(later.id))
        .limit(1)
    )
    # Without a next job, it is NULL: neither done again nor not.
    return sa.func.coalesce(following.correlate(job).scalar_subquery(), sa.false())
