"""Failures whose work another job did again: that one counts in a rate of the work that was asked for.

A failure that was dismissed or repaired is dealt with, too, but its work was not done.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col

from core.models import BackgroundJob, JobStatus
from core.operation import Machine
from core.operations import MACHINES, operations_on


@cache
def is_done_again() -> ColumnElement[bool]:
    """Return the SQL condition for failed jobs that were retried, or whose row's next job leads where it should."""
    job, later = BackgroundJob, aliased(BackgroundJob)
    retried = sa.exists().where(col(later.retry_of) == col(job.id), col(later.status) != JobStatus.CANCELLED)
    again = (each for machine in MACHINES for each in _next_leads_there(job, machine))
    return sa.and_(col(job.status) == JobStatus.FAILED, sa.or_(retried.correlate(job), *again))


def _next_leads_there(job: Any, machine: Machine[Any]) -> Iterator[ColumnElement[bool]]:
    """Yield, for each state that operations lead to: the job and the next one of its row that was not cancelled do."""
    following = _next_kind(job, machine)
    for target in {each.target for each in operations_on(machine)}:
        names = sorted(each.name for each in operations_on(machine) if each.target == target)
        yield sa.and_(col(job.kind).in_(names), following.in_(names))


def _next_kind(job: Any, machine: Machine[Any]) -> ColumnElement[str]:
    later = aliased(BackgroundJob)
    came_later = sa.tuple_(col(later.created_at), col(later.id)) > sa.tuple_(col(job.created_at), col(job.id))
    is_of_row = machine.id_column(later) == machine.id_column(job)
    following = (
        sa.select(col(later.kind))
        .where(is_of_row, col(later.machine) == machine.name, came_later, col(later.status) != JobStatus.CANCELLED)
        .order_by(col(later.created_at), col(later.id))
        .limit(1)
    )
    # Without a next job, it is no kind: what is NULL would be neither done again nor not.
    kind: ColumnElement[str] = sa.func.coalesce(following.correlate(job).scalar_subquery(), "")
    return kind
