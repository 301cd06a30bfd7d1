"""When the jobs of the list were created, in bars by status, of which a range narrows the filter."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from core import clock
from core.analytics.buckets import floor_to
from core.job_list.filters import JobFilter
from core.job_list.over_time import JobsOverTime
from core.models import JobStatus
from ui import query_cache
from ui.components.base.box import Part, box, keep_ticking, text
from ui.components.base.markup import moment, set_html
from ui.components.base.time_bars import Bars, TimeBars, end_of

#: Seconds between two looks; what has not changed is not read again.
REDRAW_SECONDS: Final = 5.0
#: From the bottom of a bar up.
_ORDER: Final = (
    JobStatus.SUCCEEDED,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
    JobStatus.RUNNING,
    JobStatus.QUEUED,
)

#: No bar is narrower, and no fewer of them are drawn: one job is a thin bar in its hour.
_NARROWEST: Final = timedelta(minutes=1)
_LEAST: Final = 60

Narrow = Callable[[datetime, datetime], Awaitable[None]]


class JobHistogram:
    """The bars, empty until `follow`; calls `narrow` with a chosen range."""

    def __init__(self, narrow: Narrow) -> None:
        self._narrow = narrow
        self._filter: JobFilter | None = None
        with box("histogram") as self.box:
            self._from = box("end muted")
            with box("place"):
                self._bars = TimeBars("Jobs over time of creation", self._choose)
                self._note: Part[str] = Part(_draw_note, "note")
            self._to = box("end muted")
        keep_ticking(self.box, self._refresh, seconds=REDRAW_SECONDS)

    async def follow(self, job_filter: JobFilter) -> None:
        """Show the jobs of this filter."""
        self._filter = job_filter
        await self._refresh()

    def wait(self) -> None:
        """Say that the bars are those of another filter, until the next ones are there."""
        self.box.classes(add="old")

    async def _refresh(self) -> None:
        if (job_filter := self._filter) is None:
            return
        found = await query_cache.over_time.now(job_filter)
        if job_filter == self._filter and not self.box.is_deleted:
            self._show(found)

    def _show(self, found: JobsOverTime) -> None:
        bars = bars_of(found)
        self.box.classes(remove="old")
        self._bars.show(bars)
        self._note.show(found.problem, key=found.problem)
        set_html(self._from, *([moment(bars.start, "clock")] if bars else []))
        set_html(self._to, *([end_of(bars)] if bars else []))

    async def _choose(self, start: datetime, stop: datetime) -> None:
        """Narrow the filter to these bars; what it says already about the time of creation stays, if it says more."""
        if job_filter := self._filter:
            after, before = job_filter.created_after, job_filter.created_before
            start, stop = max(start, after or start), min(stop, before or stop)
            if start < stop:  # bars are also drawn around the filter's time
                await self._narrow(start, stop)


def bars_of(found: JobsOverTime) -> Bars | None:
    """Return the bars; None: there are none."""
    if found.start is None:
        return None
    counts = {status.value: found.counts[status] for status in _ORDER if status in found.counts}
    if found.width > _NARROWEST:
        return Bars(found.start, found.width, counts)
    return _within_an_hour(_by_minute(Bars(found.start, found.width, counts)))


def _by_minute(bars: Bars) -> Bars:
    """Return the same jobs in bars of a minute each."""
    start, each = floor_to(bars.start, _NARROWEST), _NARROWEST // bars.width
    gap = [0] * ((bars.start - start) // bars.width)
    of_each = {name: [*gap, *numbers] for name, numbers in bars.counts.items()}
    sums = {
        name: [sum(numbers[at : at + each]) for at in range(0, len(numbers), each)] for name, numbers in of_each.items()
    }
    return Bars(start, _NARROWEST, sums)


def _within_an_hour(bars: Bars) -> Bars:
    """Return the same bars with empty ones on both sides where they are few, none of them in the future."""
    missing = max(0, _LEAST - len(bars.totals))
    after = min(missing // 2, max(0, (clock.now() - bars.stop) // bars.width))
    before = missing - after
    counts = {name: [*[0] * before, *numbers, *[0] * after] for name, numbers in bars.counts.items()}
    return Bars(bars.start - before * bars.width, bars.width, counts)


def _draw_note(problem: str) -> None:
    if problem:
        text(problem, "muted")
