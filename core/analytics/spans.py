"""Times that figures are about: they begin and end with buckets, so that each number counts exactly its jobs."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.analytics.buckets import DAY, KEPT, floor
from core.errors import Invalid
from core.models import Grain

#: The longest time that is shown five minutes by five minutes.
_FINE: Final = 2 * DAY
#: Bars of a chart, at most about.
_BARS: Final = 100
_MICROSECOND: Final = timedelta(microseconds=1)


class TimeRange(StrEnum):
    """The times that people choose from."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"

    @property
    def length(self) -> timedelta:
        """Return how long it is."""
        return {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}[self]

    @property
    def words(self) -> str:
        """Return it as people read it."""
        return "24 hours" if self is TimeRange.DAY else f"{self.length.days} days"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person asks for: a preset, or a time from and to, and which jobs."""

    preset: TimeRange | None = TimeRange.DAY
    start: datetime | None = None
    stop: datetime | None = None
    #: Only jobs with these; empty: all.
    kind: str = ""
    queue: str = ""
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A time that consists of whole buckets of this size."""

    start: datetime
    stop: datetime
    grain: Grain = field(compare=False)

    @property
    def before(self) -> "Span":
        """Return the time of the same length that ends where this one begins."""
        return Span(self.start - (self.stop - self.start), self.start, self.grain)

    @property
    def part(self) -> timedelta:
        """Return how long each bar of its chart is."""
        length = self.stop - self.start
        if length <= _FINE and self.grain is not Grain.DAY:
            return timedelta(hours=1)
        if length <= 8 * DAY and self.grain is not Grain.DAY:
            return timedelta(hours=6)
        return DAY * max(1, round(length / DAY / _BARS))

    def segments(self, *, in_large: bool) -> list[tuple[int, datetime, datetime]]:
        """Return what it consists of: size of buckets, the first one's beginning, the last one's end.

        In large: of the largest ones there are; else of those of its own size.
        """
        grains = [grain for grain in sorted(Grain, reverse=True) if grain >= self.grain] if in_large else [self.grain]
        return _split(self.start, self.stop, grains)


def span_of(choice: Choice, until: datetime, now: datetime) -> Span:
    """Return the time that a choice means, as far as there are figures. Raises Invalid for an impossible one."""
    length = choice.preset.length if choice.preset else None
    start = until - length if length else choice.start
    stop = until if length or not choice.stop else min(choice.stop, until)
    if start is None:
        raise Invalid("Say from when.", {"from": "A time is missing."})
    oldest = now - KEPT[Grain.DAY]
    if not oldest <= start < stop:
        problem = f"is before {until:%Y-%m-%d %H:%M} UTC, up to where there are figures, and at most two years ago"
        raise Invalid("There are no figures of this time.", {"from": f"The beginning {problem}, and before the end."})
    grain = _grain(start, stop, now)
    if length and grain is not Grain.FINE:
        stop = floor(stop, grain)
        return Span(stop - length, stop, grain)
    start, last = floor(start, grain), floor(until, grain)
    stop = min(floor(stop + timedelta(minutes=grain) - _MICROSECOND, grain), last)
    return Span(min(start, stop - timedelta(minutes=grain)), stop, grain)


def _grain(start: datetime, stop: datetime, now: datetime) -> Grain:
    """Return the smallest buckets that are still kept of this time and the one before."""
    earliest = start - (stop - start)
    for grain, room in ((Grain.FINE, DAY), (Grain.HOUR, DAY)):
        if earliest >= now - KEPT[grain] + room and (grain is not Grain.FINE or stop - start <= _FINE):
            return grain
    return Grain.DAY


def _split(start: datetime, stop: datetime, grains: list[Grain]) -> list[tuple[int, datetime, datetime]]:
    if start >= stop:
        return []
    grain, *smaller = grains
    width = timedelta(minutes=grain)
    first, last = floor(start + width - _MICROSECOND, grain), floor(stop, grain)
    if first >= last:
        return _split(start, stop, smaller) if smaller else []
    if not smaller:
        return [(grain, first, last)]
    return [*_split(start, first, smaller), (grain, first, last), *_split(last, stop, smaller)]
