"""How jobs ended lately, in bars: buckets as far as they reach, and the rows of what has ended since."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.analytics.buckets import EPOCH, floor_to
from core.analytics.figures import TimePart
from core.analytics.marks import TimeMark, marks
from core.database.statements import Query, fetch
from core.models import BackgroundJob, Grain, JobRollup, JobStatus, RollupState

#: The most rows that are counted: ten times what a busy hour's quarter has between two roll-ups; about 150 ms.
MOST_ROWS: Final = 500_000
_MOMENT: Final = sa.DateTime(timezone=True)
_START, _STOP = sa.bindparam("start", type_=_MOMENT), sa.bindparam("stop", type_=_MOMENT)
_WIDTH: Final = sa.bindparam("width", type_=sa.Interval())
#: In the order of TimePart.
_OUTCOMES: Final = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)
_Sums = dict[datetime, list[int]]


class RecentTime(StrEnum):
    """The times that people choose from; each has whole bars, the last of which is still growing."""

    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def length(self) -> timedelta:
        """Return how long it is at least."""
        hours = {"1h": 1, "6h": 6, "24h": 24, "7d": 168}[self]
        return timedelta(hours=hours)

    @property
    def width(self) -> timedelta:
        """Return how long each bar is: whole buckets of `grain`."""
        return timedelta(minutes={"1h": 5, "6h": 10, "24h": 30, "7d": 180}[self])

    @property
    def grain(self) -> Grain:
        """Return the size of the buckets that are added up."""
        return Grain.HOUR if self is RecentTime.WEEK else Grain.FINE


def since_of(now: datetime, hours: int) -> datetime:
    """Return where the last hours begin for all that counts them: with a whole bar of the chart that shows them."""
    length = timedelta(hours=hours)
    chart = next((each for each in RecentTime if length <= each.length), RecentTime.WEEK)
    return floor_to(now - length, chart.width)


@dataclass(frozen=True, slots=True)
class RecentOutcomes:
    """How jobs ended in a time up to now."""

    time: RecentTime
    #: All bars, the oldest first.
    parts: tuple[TimePart, ...]
    marks: tuple[TimeMark, ...]
    #: False: more have ended since the last roll-up than are counted here, and the bars end with it.
    is_whole: bool
    #: Jobs that finished before may have been deleted: no list has all of these.
    gone_before: datetime | None

    @property
    def start(self) -> datetime:
        """Return where the first bar begins; there is one unless they are not whole."""
        return self.parts[0].start

    @property
    def stop(self) -> datetime:
        """Return where the last bar ends."""
        return self.parts[-1].stop

    def total(self, outcome: str) -> int:
        """Return how many jobs ended so."""
        return sum(getattr(part, outcome) for part in self.parts)


def recent_outcomes(session: Session, time: RecentTime) -> RecentOutcomes:
    """Return how jobs ended in this time, each in exactly one bar."""
    state, now = session.exec(select(RollupState)).first() or RollupState(), session.exec(select(clock.db_now())).one()
    start, stop = floor_to(now - time.length, time.width), floor_to(now, time.width) + time.width
    known = min(max(state.until or start, start), stop)
    sums: _Sums = defaultdict(lambda: [0, 0, 0])
    _add_buckets(session, sums, time, start, known)
    is_whole = _add_rows(session, sums, time, known, stop)
    parts = tuple(_parts(sums, time, start, stop if is_whole else known))
    return RecentOutcomes(time, parts, tuple(marks(session, start, stop)), is_whole, state.gone_before)


def _add_buckets(session: Session, sums: _Sums, time: RecentTime, start: datetime, stop: datetime) -> None:
    values = {"grain": time.grain, "start": start, "stop": stop, "width": time.width}
    for at, *numbers in fetch(session, _bucket_sums(), **values):
        sums[at] = [*map(int, numbers)]


def _add_rows(session: Session, sums: _Sums, time: RecentTime, start: datetime, stop: datetime) -> bool:
    """Add what has ended since the last roll-up; return False, with nothing added, if that is too much to count."""
    values = {"start": start, "stop": stop, "width": time.width}
    counted = fetch(session, _row_counts(MOST_ROWS + 1), **values)
    if sum(number for *_, number in counted) > MOST_ROWS:
        return False
    for at, status, number in counted:
        sums[at][_OUTCOMES.index(status)] += number
    return True


def _parts(sums: _Sums, time: RecentTime, start: datetime, stop: datetime) -> list[TimePart]:
    beginnings = [start + number * time.width for number in range(-((start - stop) // time.width))]
    return [TimePart(at, min(at + time.width, stop), *sums[at]) for at in beginnings]


@cache
def _bucket_sums() -> Query:
    row = JobRollup
    at = sa.func.date_bin(_WIDTH, col(row.starts_at), sa.literal(EPOCH, _MOMENT)).label("at")
    sums = (sa.func.sum(each) for each in (row.succeeded, row.failed, row.cancelled))
    is_of_grain = col(row.grain) == sa.bindparam("grain", type_=sa.SmallInteger)
    within = is_of_grain, col(row.starts_at) >= _START, col(row.starts_at) < _STOP
    return sa.select(at, *sums).where(*within).group_by(sa.text("at"))


@cache
def _row_counts(most: int) -> Query:
    job = BackgroundJob
    within = col(job.finished_at) >= _START, col(job.finished_at) < _STOP
    ended = sa.select(col(job.finished_at), col(job.status)).where(*within, col(job.status).in_(_OUTCOMES))
    rows = ended.limit(most).subquery()
    at = sa.func.date_bin(_WIDTH, rows.c.finished_at, sa.literal(EPOCH, _MOMENT)).label("at")
    return sa.select(at, rows.c.status, sa.func.count()).group_by(sa.text("at"), rows.c.status)
