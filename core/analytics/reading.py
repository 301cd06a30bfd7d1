"""Questions about finished jobs over time: they read buckets alone, so they take as long with ten million jobs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.analytics.buckets import BUCKET, floor
from core.analytics.figures import Analytics, By, FiguresLine, JobFigures, TimePart, Times, Week
from core.analytics.histogram import percentile
from core.analytics.marks import marks
from core.analytics.spans import Choice, Span, span_of
from core.analytics.statements import COUNTS
from core.database.statements import Query, Union, fetch
from core.errors import Invalid
from core.models import Grain, JobRollup, RollupState
from core.wording import cited

#: Lines of a table, at most: those with the most jobs.
LINES: Final = 100
HOUR: Final = timedelta(hours=1)
_MILLISECONDS: Final = ("wait_ms", "run_ms")
#: Stretches of buckets of one size in a time, at most: five minutes, hours, days, weeks, and back.
_SEGMENTS: Final = 7
_OF: Final = ("grain", "start", "stop")
#: Outcomes by the beginning of an hour, or of another bucket.
ByTime = Mapping[datetime, tuple[int, int, int]]


@dataclass(slots=True)
class _Sum:
    """What is added up of one name."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wait: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    run: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, other: "_Sum") -> None:
        for name, number in other.counts.items():
            self.counts[name] += number
        for mine, theirs in ((self.wait, other.wait), (self.run, other.run)):
            for number, jobs in theirs.items():
                mine[number] += jobs

    def figures(self) -> JobFigures:
        counts = {name: self.counts[name] for name in COUNTS}
        ended = counts["succeeded"] + counts["failed"]
        return JobFigures(
            **counts,
            finished=ended + counts["cancelled"],
            success=counts["succeeded"] / ended if ended else None,
            wait=self._times(self.wait, "wait"),
            run=self._times(self.run, "run"),
        )

    def _times(self, histogram: Mapping[int, int], name: str) -> Times:
        if not (number := sum(histogram.values())):
            return Times()
        p50, p95, p99 = (percentile(histogram, share) for share in (0.5, 0.95, 0.99))
        return Times(p50, p95, p99, self.counts[f"{name}_ms"] / number / 1000)


def analytics(session: Session, choice: Choice, by: By = By.KIND, zone: str = "UTC") -> Analytics | None:
    """Return the figures of a choice; None: there are none at all yet. Raises Invalid."""
    require_zone(zone)
    _require_text(choice)
    state, now = session.exec(select(RollupState)).first(), session.exec(select(clock.db_now())).one()
    if state is None or state.until is None or state.since is None:
        return None
    span = span_of(choice, state.until, now)
    sums, sums_before = (_sums_of(session, each, choice, by) for each in (span, span.before))
    outcomes = _by_time(session, span, choice)
    lines = [FiguresLine(name, sums[name].figures(), sums_before.get(name, _Sum()).figures()) for name in sums]
    return Analytics(
        span=span,
        since=state.since,
        until=state.until,
        gone_before=state.gone_before,
        now=_all(sums.values()),
        before=_all(sums_before.values()),
        by=by,
        lines=tuple(sorted(lines, key=lambda line: (-line.now.finished, line.name))[:LINES]),
        parts=tuple(_parts(span, outcomes)),
        week=None if span.grain is Grain.DAY else _week(outcomes, zone),
        marks=tuple(marks(session, span.start, span.stop)),
    )


def figures_by_hour(session: Session, span: Span) -> tuple[JobFigures, ...]:
    """Return the figures of each hour of the clock that a time is in, the oldest first."""
    hours = Span(floor(span.start, Grain.HOUR), floor(span.stop - BUCKET, Grain.HOUR) + HOUR, Grain.HOUR)
    sums = _sums(session, _values(hours, Choice(), in_large=False), (), "starts_at")
    number = (hours.stop - hours.start) // HOUR
    return tuple(sums.get(hours.start + each * HOUR, _Sum()).figures() for each in range(number))


def require_zone(zone: str) -> None:
    """Raise Invalid for a time zone that is none."""
    if not is_zone(zone):
        raise Invalid("Unknown time zone.", {"zone": f"{cited(zone)} is none; use e.g. Europe/Berlin."})


def is_zone(name: str) -> bool:
    """Tell whether a time zone has this name."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    """Return the names of all time zones; looking for them reads a directory."""
    return frozenset(available_timezones())


def _require_text(choice: Choice) -> None:
    """Refuse what no kind, queue or version can be; PostgreSQL takes no NUL in a text."""
    for name in _which(choice):
        if "\x00" in getattr(choice, name):
            raise Invalid(f"{name} is text without NUL.", {name: "There is a NUL in it."})


def _all(sums: Iterable[_Sum]) -> JobFigures:
    total = _Sum()
    for each in sums:
        total.add(each)
    return total.figures()


def _sums_of(session: Session, span: Span, choice: Choice, by: By) -> dict[Any, _Sum]:
    return _sums(session, _values(span, choice, in_large=True), _which(choice), by)


def _sums(session: Session, values: dict[str, Any], which: tuple[str, ...], by: str) -> dict[Any, _Sum]:
    """Return what is added up of buckets, by the value of one of their columns."""
    sums: dict[Any, _Sum] = {}
    for name, *numbers in fetch(session, _counts(by, which), **values):
        sums[name] = _Sum()
        sums[name].counts.update(zip((*COUNTS, *_MILLISECONDS), map(int, numbers), strict=True))
    for name, is_wait, number, jobs in fetch(session, _histograms(by, which), **values):
        (sums[name].wait if is_wait else sums[name].run)[number] = jobs
    return sums


def _by_time(session: Session, span: Span, choice: Choice) -> ByTime:
    values = _values(span, choice, in_large=False)
    return {row[0]: (row[1], row[2], row[3]) for row in fetch(session, _outcomes(_which(choice)), **values)}


def _parts(span: Span, outcomes: ByTime) -> Iterable[TimePart]:
    """Yield the bars of the chart; each consists of whole buckets."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for at, numbers in outcomes.items():
        bar = sums[(at - span.start) // span.part]
        for place, number in enumerate(numbers):
            bar[place] += number
    number = 0
    while (start := span.start + number * span.part) < span.stop:
        yield TimePart(start, min(start + span.part, span.stop), *sums[number])
        number += 1


def _week(outcomes: ByTime, zone: str) -> Week:
    """Return finished jobs by weekday and hour in a zone, whose clock may be put forward or back meanwhile."""
    week, of = [[0] * 24 for _ in range(7)], ZoneInfo(zone)
    for at, numbers in outcomes.items():
        local = at.astimezone(of)
        week[local.weekday()][local.hour] += sum(numbers)
    return tuple(map(tuple, week))


def _which(choice: Choice) -> tuple[str, ...]:
    wanted = {"kind": choice.kind or None, "queue": choice.queue or None, "version": choice.version}
    return tuple(name for name, value in wanted.items() if value is not None)


def _values(span: Span, choice: Choice, *, in_large: bool) -> dict[str, Any]:
    segments = span.segments(in_large=in_large)
    segments += [(Grain.FINE, span.start, span.start)] * (_SEGMENTS - len(segments))  # which have no bucket
    values = {f"{name}_{n}": value for n, each in enumerate(segments) for name, value in zip(_OF, each, strict=True)}
    return values | {name: getattr(choice, name) for name in _which(choice)}


def _within(which: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """Return the condition for buckets of the segments: ranges of the primary key, and of this kind, queue, version."""
    return sa.and_(sa.or_(*(_segment(number) for number in range(_SEGMENTS))), *_of_which(which))


def _segment(number: int) -> sa.ColumnElement[bool]:
    row, moment = JobRollup, sa.DateTime(timezone=True)
    return sa.and_(
        col(row.grain) == sa.bindparam(f"grain_{number}", type_=sa.SmallInteger),
        col(row.starts_at) >= sa.bindparam(f"start_{number}", type_=moment),
        col(row.starts_at) < sa.bindparam(f"stop_{number}", type_=moment),
    )


def _of_which(which: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
    return [col(getattr(JobRollup, name)) == sa.bindparam(name, type_=sa.Text) for name in which]


@cache
def _counts(by: str, which: tuple[str, ...]) -> Query:
    name, row = getattr(JobRollup, by), JobRollup
    sums = [sa.func.sum(getattr(row, each)) for each in (*COUNTS, *_MILLISECONDS)]
    return sa.select(name, *sums).where(_within(which)).group_by(name)


@cache
def _histograms(by: str, which: tuple[str, ...]) -> Union:
    name, row = getattr(JobRollup, by), JobRollup
    selects = []
    for is_wait, bins, counts in ((True, row.wait_bins, row.wait_counts), (False, row.run_bins, row.run_counts)):
        each = sa.func.unnest(bins, counts).table_valued("bin", "jobs", name=f"bins_{int(is_wait)}").render_derived()
        joined = sa.join(sa.inspect(row).local_table, each, sa.true())
        of_bin = sa.select(name, sa.literal(is_wait), each.c.bin, sa.func.sum(each.c.jobs)).select_from(joined)
        selects.append(of_bin.where(_within(which)).group_by(name, each.c.bin))
    return sa.union_all(*selects)


@cache
def _outcomes(which: tuple[str, ...]) -> Query:
    """Return the statement for outcomes in buckets of the size of the time: one segment, so that its index suffices."""
    row = JobRollup
    sums = (sa.func.sum(each) for each in (row.succeeded, row.failed, row.cancelled))
    chosen = sa.select(col(row.starts_at), *sums).where(_segment(0), *_of_which(which))
    return chosen.group_by(col(row.starts_at))
