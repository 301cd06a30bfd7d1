"""What finished in the last day, by queue and by kind: numbers of each hour, and how long jobs waited and ran."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlmodel import Session, select

from core import clock
from core.analytics.figures import By, JobFigures
from core.analytics.kept import kept_analytics, kept_hours
from core.analytics.recent import since_of
from core.analytics.spans import Choice
from core.models import RollupState

#: Counters are hourly: the last day is the current hour and the 24 before it.
HOURS: Final = 25
HOUR: Final = timedelta(hours=1)
#: Of the figures of a day.
DAY_HOURS: Final = 24

_SINCE = text("SELECT date_trunc('hour', statement_timestamp(), 'UTC') - make_interval(hours => :hours)")
_ENDED = text("""
    SELECT kind, queue, status, hour, sum(jobs) AS jobs FROM job_counters WHERE hour >= :since
    GROUP BY kind, queue, status, hour
""")


@dataclass(slots=True)
class HourlyEndings:
    """Finished jobs of one queue or kind: by status, one number for each hour, the oldest first."""

    hours: dict[str, list[int]] = field(default_factory=dict)

    def total(self, status: str) -> int:
        """Return how many jobs ended so."""
        return sum(self.hours.get(status, ()))

    def of_hours(self, status: str) -> list[int]:
        """Return how many jobs ended so in each hour."""
        return self.hours.get(status) or [0] * HOURS

    def add(self, status: str, hour: int, jobs: int) -> None:
        """Count jobs that ended so; an hour of a clock that was ahead is the last one."""
        self.hours.setdefault(status, [0] * HOURS)[min(hour, HOURS - 1)] += jobs


@dataclass(frozen=True, slots=True)
class EndedJobs:
    """What has finished since a full hour, by queue and by kind."""

    since: datetime
    by_queue: Mapping[str, HourlyEndings]
    by_kind: Mapping[str, HourlyEndings]


@dataclass(frozen=True, slots=True)
class DayFigures:
    """All jobs that finished since Overview's day began, as far as they are rolled up, and those of the day before."""

    now: JobFigures = field(default_factory=JobFigures)
    #: None: there are no figures of all that time.
    before: JobFigures | None = None
    #: Of each hour of the clock that this time is in, the oldest first.
    hours: tuple[JobFigures, ...] = ()
    #: From where they count, as all of Overview does, and up to where they are rolled up; None: not at all yet.
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobTimes:
    """How long jobs that finished in 24 hours waited and ran, by queue and by kind, as far as they are rolled up."""

    by_queue: Mapping[str, JobFigures]
    by_kind: Mapping[str, JobFigures]
    day: DayFigures = field(default_factory=DayFigures)


def ended_jobs(session: Session) -> EndedJobs:
    """Return what finished in the last day, from counters."""
    since = session.connection().execute(_SINCE, {"hours": HOURS - 1}).scalar_one()
    by_queue: dict[str, HourlyEndings] = {}
    by_kind: dict[str, HourlyEndings] = {}
    for row in session.connection().execute(_ENDED, {"since": since}):
        for name, ended in ((row.queue, by_queue), (row.kind, by_kind)):
            ended.setdefault(name, HourlyEndings()).add(row.status, (row.hour - since) // HOUR, int(row.jobs))
    return EndedJobs(since, by_queue, by_kind)


def job_times(session: Session) -> JobTimes:
    """Return how long jobs waited and ran, of the queues and of the kinds with the most jobs."""
    found = [kept_analytics(session, Choice(), by, "UTC") for by in (By.QUEUE, By.KIND)]
    by_queue, by_kind = ({line.name: line.now for line in each.lines} if each else {} for each in found)
    return JobTimes(by_queue, by_kind, _day(session))


def _day(session: Session) -> DayFigures:
    since = since_of(session.exec(select(clock.db_now())).one(), DAY_HOURS)
    state = session.exec(select(RollupState)).first()
    if not state or not state.until or state.until <= since:
        return DayFigures()
    found = kept_analytics(session, Choice(None, since), By.QUEUE, "UTC")
    if found is None:
        return DayFigures()
    before = found.before if found.since <= found.span.before.start else None
    return DayFigures(found.now, before, kept_hours(session, found.span), found.span.start, found.span.stop)
