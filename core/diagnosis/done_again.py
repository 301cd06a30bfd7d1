"""Failures whose work another job does again: that one counts in a rate of the work that was asked for.

A failure that was dismissed or repaired is dealt with, too, but its work was not done.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col

from core.models import BackgroundJob, JobStatus
from core.operation import Machine
from core.operations import MACHINES, operations_on

#: So many repeats of a failure are looked at, one after the other: a success that came after more does not mend it.
FURTHEST: Final = 20


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
        sa.select(col(first.id).label("id"), col(first.status).label("status"), sa.literal(1).label("number"))
        .where(col(first.retry_of) == col(job.id))
        .correlate(job)
        .cte("repeats", recursive=True, nesting=True)
    )
    # With OFFSET, each repeat's own retries are looked up; else the whole of a small table may be read for each.
    its_retries = (
        sa.select(col(further.id), col(further.status)).where(col(further.retry_of) == repeats.c.id).offset(0).lateral()
    )
    of_repeats = sa.select(its_retries.c.id, its_retries.c.status, repeats.c.number + 1)
    repeats = repeats.union_all(of_repeats.join_from(repeats, its_retries, repeats.c.number < FURTHEST))
    return sa.exists(sa.select(repeats.c.id).where(repeats.c.status == JobStatus.SUCCEEDED))


def _next_is_among(job: Any, machine: Machine[Any], names: list[str], *, succeeded: bool = False) -> Any:
    """Return whether the next job of the row that was not cancelled is one of these; `succeeded`: the next that did."""
    later = aliased(BackgroundJob)
    came_later = sa.tuple_(col(later.created_at), col(later.id)) > sa.tuple_(col(job.created_at), col(job.id))
    is_of_row = sa.and_(machine.id_column(later) == machine.id_column(job), col(later.machine) == machine.name)
    leads_there, status = col(later.kind).in_(names), col(later.status)
    following = (
        sa.select(col(later.created_at), col(later.id), status, leads_there.label("leads_there"))
        .where(is_of_row, came_later, status != JobStatus.CANCELLED)
        .order_by(col(later.created_at), col(later.id))
        .limit(FURTHEST if succeeded else 1)
        .correlate(job)
        .subquery()
    )
    says = sa.select(following.c.leads_there)
    if succeeded:
        has_failed_again = sa.and_(following.c.leads_there, following.c.status == JobStatus.FAILED)
        says = sa.select(sa.and_(following.c.leads_there, following.c.status == JobStatus.SUCCEEDED))
        says = says.where(sa.not_(has_failed_again)).order_by(following.c.created_at, following.c.id).limit(1)
    # Without a next job, it is NULL: neither done again nor not.
    return sa.func.coalesce(says.scalar_subquery(), sa.false())
