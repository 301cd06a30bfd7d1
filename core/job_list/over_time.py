"""The jobs of a filter by when they were created and how they stand, in bars: all of them, or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.analytics.buckets import EPOCH, floor_to
from core.database.statements import Query, fetch
from core.database.time_limit import TookTooLong, time_limit
from core.job_list.branches import Branch, in_any_status, in_status
from core.job_list.counts import all_jobs
from core.job_list.filters import JobFilter
from core.job_list.queries import first_and_last
from core.job_list.sources import REMEMBERED, Arm, Condition, Job
from core.jobs.labels import Label
from core.models import TERMINAL, JobStatus

#: Bars, at most: each has a few pixels.
MOST_BARS: Final = 120
#: Jobs that are counted by an index alone, and those of which each is looked at in the table: about 300 ms.
MOST_BY_INDEX: Final = 1_200_000
MOST_READ: Final = 100_000
#: Milliseconds that one of its statements may take, for a filter whose rows are looked at without being counted.
PATIENCE: Final = 1_000
#: How long a bar may be, the shortest first; beyond, it is so many days.
_WIDTHS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 5, 15, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800)
)
#: The fields of filters whose jobs are counted by an index alone.
_INDEXED: Final = {
    *("status", "kind", "queue", "not_kind", "not_queue"),
    *("created", "created_after", "created_before"),
}
#: Labels that say no more than a status does.
_ENDED: Final = frozenset(label for label in Label if label.value in TERMINAL)
_WIDTH: Final = sa.bindparam("width", type_=sa.Interval())
ByBar = dict[datetime, int]


@dataclass(frozen=True, slots=True)
class JobsOverTime:
    """Bars from `start` on, each of `width`: numbers by status, or no bar at all."""

    start: datetime | None = None
    width: timedelta = _WIDTHS[0]
    counts: Mapping[JobStatus, tuple[int, ...]] = field(default_factory=dict)
    #: Why there is none, in a sentence; empty: there is no such job.
    problem: str = ""


TOO_MANY: Final = JobsOverTime(problem="Too many jobs to draw; narrow the filter.")
ODD: Final = JobsOverTime(problem="Some of these jobs have an impossible time of creation.")
#: Times of which bars can be made.
_POSSIBLE: Final = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC))


def jobs_over_time(session: Session, job_filter: JobFilter) -> JobsOverTime:
    """Return the jobs of a filter in bars, each job in exactly one."""
    try:
        with time_limit(session, PATIENCE):
            return _counted(session, _by_status_alone(job_filter))
    except TookTooLong:
        return TOO_MANY


def _set(session: Session, **settings: str) -> None:
    values = [sa.func.set_config(name, value, sa.true()) for name, value in settings.items()]
    session.connection().execute(sa.select(*values))


def _by_status_alone(job_filter: JobFilter) -> JobFilter:
    """Return an equal filter whose labels are statuses, where they say no more."""
    if not job_filter.label or job_filter.status or not job_filter.label <= _ENDED:
        return job_filter
    return job_filter.but(label=frozenset(), status=frozenset(JobStatus(label.value) for label in job_filter.label))


def _counted(session: Session, job_filter: JobFilter) -> JobsOverTime:
    if job_filter.is_empty() and all_jobs(session).value > MOST_BY_INDEX:
        return TOO_MANY
    base = in_any_status(session, job_filter)
    branch_list = in_status(session, base, job_filter)
    ends = first_and_last(session, branch_list)
    if ends is None:
        return JobsOverTime()
    if not _POSSIBLE[0] <= ends[0] <= ends[1] <= _POSSIBLE[1]:
        return ODD
    width = _width(*ends)
    fields = {name for name, value in job_filter if value}
    if fields <= _INDEXED:
        by_status = _by_index(session, base, job_filter, width)
    else:
        by_status = _by_reading(session, branch_list, width)
    if by_status is None:
        return TOO_MANY
    start = floor_to(ends[0], width)
    places = [start + number * width for number in range((ends[1] - start) // width + 1)]
    return JobsOverTime(
        start, width, {status: tuple(bars.get(at, 0) for at in places) for status, bars in by_status.items()}
    )


def _width(first: datetime, last: datetime) -> timedelta:
    """Return the shortest width with which there are few enough bars."""
    for width in _WIDTHS:
        if (last - floor_to(first, width)) // width < MOST_BARS:
            return width
    return timedelta(days=(last - first).days // (MOST_BARS - 2) + 1)


def _by_index(
    session: Session, base: list[Branch], job_filter: JobFilter, width: timedelta
) -> Mapping[JobStatus, ByBar] | None:
    """Count each status by its index, but successes as all jobs minus the others: no index has them by time."""
    # The index with the fewest entries is the one to read. Of a table that was not vacuumed lately PostgreSQL expects a
    # page to be read for each entry, and takes another index, or none.
    _set(session, enable_seqscan="off", enable_bitmapscan="off", random_page_cost="0.01", seq_page_cost="0.01")
    within, wanted = job_filter.but(status=frozenset()), job_filter.status or frozenset(JobStatus)
    is_minus = JobStatus.SUCCEEDED in wanted
    counted: dict[JobStatus, ByBar] = {}
    for status in JobStatus:
        if status is not JobStatus.SUCCEEDED and (is_minus or status in wanted):
            of_status = in_status(session, base, within.but(status=frozenset({status})))
            bars = _bars(session, of_status, width)
            if bars is None:
                return None
            counted[status] = bars
    if is_minus:
        every = _bars(session, in_status(session, base, within), width)
        if every is None:
            return None
        others = [*counted.values()]
        counted[JobStatus.SUCCEEDED] = {
            at: jobs - sum(bars.get(at, 0) for bars in others) for at, jobs in every.items()
        }
    return {status: bars for status, bars in counted.items() if status in wanted}


def _bars(session: Session, branch_list: list[Branch], width: timedelta) -> ByBar | None:
    """Count the jobs of one branch, or of none, by its index; None if there are too many."""
    arms = [(arm, tuple(branch.besides(branch.counted))) for branch in branch_list for arm in branch.counted.arms]
    if not arms:
        return {}
    bars: ByBar = {}
    for at, jobs in fetch(session, _numbers(tuple(arms), MOST_BY_INDEX + 1), width=width):
        bars[at] = jobs
    return bars if sum(bars.values()) <= MOST_BY_INDEX else None


def _by_reading(session: Session, branch_list: list[Branch], width: timedelta) -> Mapping[JobStatus, ByBar] | None:
    """Read every match; None if there are too many."""
    arms = [(arm, tuple(branch.besides(branch.counted))) for branch in branch_list for arm in branch.counted.arms]
    counted: dict[JobStatus, ByBar] = {}
    for at, status, jobs in fetch(session, _numbers_by_status(tuple(arms), MOST_READ + 1), width=width):
        counted.setdefault(status, {})[at] = jobs
    return counted if sum(sum(bars.values()) for bars in counted.values()) <= MOST_READ else None


Arms = tuple[tuple[Arm, tuple[Condition, ...]], ...]


@lru_cache(REMEMBERED)
def _numbers(arms: Arms, most: int) -> Query:
    """Return the statement that counts the jobs of arms that have none in common; it reads no more than it must."""
    selects = [_rows(arm, conditions, most, status=False) for arm, conditions in arms]
    rows = (sa.union_all(*selects) if len(selects) > 1 else selects[0]).subquery("found")
    at = _bar_of(rows.c.created_at)
    return sa.select(at, sa.func.count()).group_by(sa.text("at"))


@lru_cache(REMEMBERED)
def _numbers_by_status(arms: Arms, most: int) -> Query:
    """Return the statement that counts the jobs of arms, each job once, by their status."""
    selects = [_rows(arm, conditions, most, status=True) for arm, conditions in arms]
    rows = (sa.union(*selects) if len(selects) > 1 else selects[0]).subquery("found")
    at = _bar_of(rows.c.created_at)
    return sa.select(at, rows.c.status, sa.func.count()).group_by(sa.text("at"), rows.c.status)


def _rows(arm: Arm, conditions: tuple[Condition, ...], most: int, *, status: bool) -> Query:
    """Select the jobs of an arm, at most so many of each of its scans and of all."""
    columns = (col(Job.id), col(Job.created_at), col(Job.status)) if status else (col(Job.created_at),)
    # The order of the index, by which PostgreSQL takes it.
    order = arm.order if status else col(Job.created_at)
    rows = sa.select(*columns).where(*arm.where, *conditions).order_by(order).limit(most)
    if arm.each is None:
        return rows
    hit = rows.lateral("hit")
    return sa.select(*hit.c).select_from(arm.each.join(hit, sa.true())).limit(most)


def _bar_of(at: sa.ColumnElement[datetime]) -> sa.Label[datetime]:
    return sa.func.date_bin(_WIDTH, at, sa.literal(EPOCH, sa.DateTime(timezone=True))).label("at")
