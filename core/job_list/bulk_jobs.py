"""The sources of the filters by a bulk action: the jobs of its set, and those that it has started."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.job_list.filters import JobFilter
from core.job_list.sources import NEWEST, Arm, Condition, Job, Source, by_time, in_turn
from core.models import BulkAction, BulkRow

#: Clocks of workers and of the database differ by less.
_MARGIN: Final = timedelta(minutes=5)
_Times = tuple[datetime, datetime]


def of_bulk_actions(session: Session, job_filter: JobFilter) -> Iterator[tuple[Condition, Source]]:
    """Yield the jobs of the chosen bulk action's set, and those that a bulk action has started."""
    if job_filter.bulk:
        own = session.get(BulkAction, job_filter.bulk)
        rows = _rows(BulkRow.target).where(col(BulkRow.bulk_id) == job_filter.bulk)
        yield _among(rows, f"bulk {job_filter.bulk}", _when_chosen(own) if own else None)
    if job_filter.from_bulk:
        own = session.get(BulkAction, job_filter.from_bulk)
        rows = _rows(BulkRow.job_id).where(col(BulkRow.bulk_id) == job_filter.from_bulk)
        yield _among(rows, f"from {job_filter.from_bulk}", _when_started(own) if own else None)


def _rows(column: Any) -> Any:
    return sa.select(col(column).label("id")).where(col(column).is_not(None))


def _among(rows: Any, name: str, times: _Times | None) -> tuple[Condition, Source]:
    """Return the jobs with these ids; many of them are read by time, among the jobs of these times."""
    each = rows.order_by("id").subquery("bulk_row")  # along the index, however much of the table the set is
    instead = by_time([col(Job.created_at).between(*times)]) if times else NEWEST
    # One look into the index for each job: for EXISTS, PostgreSQL may read every set there is, to hash this one.
    own = rows.where(rows.selected_columns.id == col(Job.id)).limit(1).scalar_subquery()
    return in_turn(own.is_not(None)), Source(
        name, (Arm((col(Job.id) == each.c.id,), each),), ordered=False, instead=instead, rank=3
    )


def _when_chosen(bulk: BulkAction) -> _Times | None:
    """Return when the first and the last job of its set were created; sets of before do not say."""
    first, last = (bulk.consists_of.get(end) for end in ("first", "last"))
    return (datetime.fromisoformat(first), datetime.fromisoformat(last)) if first and last else None


def _when_started(bulk: BulkAction) -> _Times:
    return (bulk.started_at or bulk.created_at) - _MARGIN, (bulk.finished_at or clock.now()) + _MARGIN
