"""How jobs ended lately: bars of which a range opens its jobs, and the same numbers as a table."""

from datetime import datetime
from typing import Final

from markupsafe import Markup
from nicegui import ui

from core.analytics.figures import TimePart
from core.analytics.recent import RecentOutcomes, RecentTime
from core.job_list.addresses import jobs_with
from core.wording import counted, spoken
from ui import query_cache
from ui.components.analytics.view import CANCELLED, FAILED, FINISHED, SUCCEEDED
from ui.components.base.box import Part, box, dressed, text
from ui.components.base.button import QUIET, button
from ui.components.base.markup import anchor, lines, moment, set_html, tagged, words
from ui.components.base.state_chip import chip_of, set_pressed
from ui.components.base.table import table
from ui.components.base.time_bars import Bars, TimeBars, end_of

#: The outcomes from the bottom of a bar up, and the filters of their jobs.
OUTCOMES: Final = {"succeeded": SUCCEEDED, "failed": FAILED, "cancelled": CANCELLED}
_COLUMNS: Final = tuple(outcome.capitalize() for outcome in OUTCOMES)
_NAMES: Final = {RecentTime.HOUR: "1 h", RecentTime.SIX_HOURS: "6 h", RecentTime.DAY: "24 h", RecentTime.WEEK: "7 d"}
_LATE: Final = "More jobs have finished since the last roll-up than can be counted here. Is its schedule running?"


class RecentChart:
    """The panel of the chart; it is empty, and as high, until `refresh`."""

    def __init__(self) -> None:
        self._time, self._chips = RecentTime.DAY, dict[RecentTime, ui.element]()
        self._found: RecentOutcomes | None = None
        self.box = box("panel recent")

    async def refresh(self) -> None:
        """Load the outcomes of the chosen time, and show what changed."""
        time = self._time
        found = await query_cache.recent.now(time)
        if time is not self._time or self.box.is_deleted:
            return
        if not self._chips:
            with self.box:
                self._draw()
        self._show(found)

    def _draw(self) -> None:
        with box("title"):
            text("Finished jobs", tag="h2")
            self._legend = box("hbox legend grow")
            self._draw_switch()
        with box("body"):
            with box("place"):
                self._bars = TimeBars("Finished jobs over time", self._open)
                self._note: Part[str] = Part(_draw_note, "note")
            self._axis = box("hbox between muted axis")
        self._table: Part[RecentOutcomes | None] = Part(_draw_table)

    def _draw_switch(self) -> None:
        with dressed(box("hbox switch"), props={"role": "group", "aria-label": "Time"}):
            for time, name in _NAMES.items():
                self._chips[time] = chip_of(words(name)).on("click", lambda _, time=time: self._choose(time))
                set_pressed(self._chips[time], time is self._time)
            self._as_table = button("Table", self._toggle_table, look=QUIET)
            self._as_table.props["aria-expanded"] = "false"

    def _show(self, found: RecentOutcomes) -> None:
        self._found = found
        bars = bars_of(found)
        is_empty = bars is None or not any(bars.totals)
        self._bars.show(None if is_empty else bars)
        note = "" if found.is_whole else _LATE
        note = note or ("No job has finished in this time." if is_empty else "")
        self._note.show(note, key=note)
        set_html(self._legend, *(_total(found, outcome) for outcome in OUTCOMES if found.parts))
        set_html(self._axis, *(_ends(bars) if bars else ()))
        self._show_table()

    async def _choose(self, time: RecentTime) -> None:
        self._time = time
        for each, chip in self._chips.items():
            set_pressed(chip, each is time)
        await self.refresh()

    def _toggle_table(self) -> None:
        is_open = self._as_table.props["aria-expanded"] == "true"
        self._as_table.props["aria-expanded"] = "false" if is_open else "true"
        self._show_table()

    def _show_table(self) -> None:
        found = self._found if self._as_table.props["aria-expanded"] == "true" else None
        self._table.show(found, key=found)

    def _open(self, start: datetime, stop: datetime) -> None:
        if found := self._found:
            href = jobs_between(found, FINISHED, start, min(stop, found.stop))
            ui.navigate.to(href or "/analytics")


def bars_of(found: RecentOutcomes) -> Bars | None:
    """Return the chart's bars; None: there is nothing that they could say."""
    if not found.parts:
        return None
    counts = {outcome: [getattr(part, outcome) for part in found.parts] for outcome in OUTCOMES}
    return Bars(found.start, found.time.width, counts, [(mark.at, mark.label) for mark in found.marks])


def jobs_between(found: RecentOutcomes, where: dict[str, str], start: datetime, stop: datetime) -> str | None:
    """Return the address of the jobs that ended so in a time; None if some of them may have been deleted."""
    if found.gone_before and start < found.gone_before:
        return None
    times = {"finished_after": start.isoformat(), "finished_before": stop.isoformat()}
    return jobs_with({**where, **times})


def _ends(bars: Bars) -> tuple[Markup, ...]:
    highest = words(f"highest bar: {counted(max(bars.totals), 'job')} in {spoken(bars.width)}")
    return moment(bars.start, "clock"), highest, end_of(bars)


def _total(found: RecentOutcomes, outcome: str) -> Markup:
    number = found.total(outcome)
    return tagged(
        "span", _linked(found, outcome, number, found.start, found.stop), words(f" {outcome}"), classes=f"key {outcome}"
    )


def _linked(found: RecentOutcomes, outcome: str, number: int, start: datetime, stop: datetime) -> Markup:
    href = jobs_between(found, OUTCOMES[outcome], start, stop)
    shown = words(f"{number:,}", "num")
    return anchor(href, shown) if href and number else shown


def _draw_note(note: str) -> None:
    if note:
        text(note, "muted")


def _draw_table(found: RecentOutcomes | None) -> None:
    """Draw a line for each bar, the newest first, and for each mark."""
    if found is None:
        return
    with box("scroll-y"), table("Finished jobs", ("From", *_COLUMNS), _COLUMNS):
        lines([_line(found, part) for part in reversed(found.parts)], "", "tbody")
    if found.marks:
        happened = [
            anchor(mark.href, moment(mark.at, "clock", "muted"), words(mark.label, "clip")) for mark in found.marks
        ]
        lines(happened, "rows marks")


def _line(found: RecentOutcomes, part: TimePart) -> Markup:
    cells = [
        tagged(
            "td",
            _linked(found, outcome, getattr(part, outcome), part.start, part.stop),
            classes="num",
            data_label=outcome,
        )
        for outcome in OUTCOMES
    ]
    return tagged("tr", tagged("td", moment(part.start, "clock")), *cells, tagged("td"))
