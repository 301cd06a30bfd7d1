"""When the jobs of the list were created, in bars by status, of which a range narrows the filter."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

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
        set_html(self._from, *([moment(bars.start, "time")] if bars else []))
        set_html(self._to, *([end_of(bars)] if bars else []))

    async def _choose(self, start: datetime, stop: datetime) -> None:
        """Narrow the filter to these bars; what it says already about the time of creation stays, if it says more."""
        if job_filter := self._filter:
            after, before = job_filter.created_after, job_filter.created_before
            await self._narrow(max(start, after or start), min(stop, before or stop))


def bars_of(found: JobsOverTime) -> Bars | None:
    """Return the bars; None: there are none."""
    if found.start is None:
        return None
    counts = {status.value: found.counts[status] for status in _ORDER if status in found.counts}
    return Bars(found.start, found.width, counts)


def _draw_note(problem: str) -> None:
    if problem:
        text(problem, "muted")
