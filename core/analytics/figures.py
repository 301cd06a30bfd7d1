"""What Analytics says: the figures of a time, as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.analytics.marks import TimeMark
from core.analytics.spans import Span

#: The parts of a week by hour: seven days from Monday on.
Week = tuple[tuple[int, ...], ...]


class By(StrEnum):
    """What the lines of a table are about."""

    KIND = "kind"
    QUEUE = "queue"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that a half, 95 % and 99 % of the jobs did not exceed, within 5 %, and the mean; None without a job."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class JobFigures:
    """Jobs that finished in a time.

    `wait` is from when a job was due until it was first started, without jobs that were tried again; `run` is of those
    that succeeded.
    """

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    #: Failed as their worker was lost; in `failed`, too.
    lost: int = 0
    #: Jobs that repeat another one by a person's wish, and those that succeeded.
    retries: int = 0
    retries_helped: int = 0
    #: Jobs with more than one attempt, and those that succeeded.
    repeated: int = 0
    repeated_helped: int = 0
    #: All of them, however they ended.
    finished: int = 0
    #: The share of those not cancelled that succeeded; None without one.
    success: float | None = None
    wait: Times = Times()
    run: Times = Times()


@dataclass(frozen=True, slots=True)
class FiguresLine:
    """The figures of one kind, queue or version, and of the time before."""

    name: str
    now: JobFigures
    before: JobFigures


@dataclass(frozen=True, slots=True)
class TimePart:
    """The outcomes of one part of the time."""

    start: datetime
    stop: datetime
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Analytics:
    """All figures of one time, and those of the time before, of the same length."""

    span: Span
    #: Where the figures begin and end: what finished later is in none.
    since: datetime
    until: datetime
    #: Jobs that finished before may have been deleted: the figures are all that is left.
    gone_before: datetime | None
    now: JobFigures
    before: JobFigures
    by: By
    #: Those with the most jobs first.
    lines: tuple[FiguresLine, ...]
    #: All parts of the time, the oldest first.
    parts: tuple[TimePart, ...]
    #: Finished jobs by weekday and hour; None where only days are kept.
    week: Week | None
    marks: tuple[TimeMark, ...]
