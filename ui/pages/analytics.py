"""Analytics: how finished jobs went over any time, compared with the time before."""

from datetime import timedelta
from typing import Final

from nicegui import ui

from core import clock
from core.analytics.figures import Analytics
from core.analytics.kept import kept_analytics
from core.analytics.reading import is_zone
from core.analytics.spans import TimeRange
from core.errors import Invalid
from core.models import Role
from ui import access
from ui.components.analytics.figure_lines import draw_lines, draw_week
from ui.components.analytics.figures_tiles import draw_tiles
from ui.components.analytics.outcome_chart import draw_chart
from ui.components.analytics.view import AnalyticsView, Numbers
from ui.components.base.box import Part, box, keep_ticking, link, text
from ui.components.base.button import PLAIN, button
from ui.components.base.empty import empty
from ui.components.base.open_form import Act, Then, open_form
from ui.components.base.times import MomentField, time_text

#: Seconds between two looks: figures are added to every quarter of an hour.
REFRESH_SECONDS: Final = 30.0
#: Figures that reach less far are said to be late: the schedule has missed two runs.
LATE: Final = timedelta(minutes=46)
#: What narrows the figures, as its parameter and in words.
_NARROWED: Final = ("kind", "queue", "version")


async def draw(
    range: str = "",  # noqa: A002 - as in the address
    since: str = "",
    until: str = "",
    by: str = "",
    kind: str = "",
    queue: str = "",
    version: str = "",
) -> None:
    """Draw the figures of a time, and follow what is added to them."""
    params = {"range": range, "since": since, "until": until, "by": by, "kind": kind, "queue": queue}
    page = AnalyticsPage(AnalyticsView.of({**params, "version": version}))
    await page.refresh()
    keep_ticking(page.screen, page.refresh, seconds=REFRESH_SECONDS)
    ui.timer(0.01, page.hear_zone, once=True)


class AnalyticsPage:
    """The parts of the page; each is redrawn only when it changed."""

    def __init__(self, view: AnalyticsView) -> None:
        self._view, self._zone = view, "UTC"
        with box("screen padded") as self.screen:
            with box("headline wrap"):
                text("Analytics", tag="h1")
                self._until: Part[Analytics] = Part(_draw_until)
                box("grow")
                self._draw_choices()
            self._draw_narrowed()
            self._none: Part[bool] = Part(_draw_none)
            self._tiles: Part[Numbers] = Part(draw_tiles)
            self._chart: Part[Numbers] = Part(lambda numbers: draw_chart(numbers, self._zone), "panel")
            self._lines: Part[Numbers] = Part(draw_lines, "panel")
            self._week: Part[Analytics] = Part(self._draw_week, "panel")

    async def refresh(self) -> None:
        """Load the figures again and show what changed."""
        choice, by = self._view.choice, self._view.by
        found = await access.load_for(Role.VIEWER, kept_analytics, choice, by, self._zone)
        if self.screen.is_deleted:
            return
        self._none.show(found is None, key=found is None)
        for part in (self._chart, self._lines, self._week):
            part.box.set_visibility(found is not None)
        if found is None:
            return
        numbers = Numbers(self._view, found)
        is_late = clock.now() - found.until > LATE
        self._until.show(found, key=(found.until, found.span, found.gone_before, is_late))
        self._tiles.show(numbers, key=(found.span, found.now, found.before, found.gone_before))
        self._chart.show(numbers, key=(self._zone, found.parts, found.marks, found.gone_before))
        self._lines.show(numbers, key=(found.span, found.lines, found.gone_before))
        self._week.show(found, key=(self._zone, found.week))

    async def hear_zone(self) -> None:
        """Ask the browser for the viewer's zone, and show times and hours of that."""
        zone = str(await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=3))
        if is_zone(zone) and zone != self._zone:
            self._zone = zone
            await self.refresh()

    def _draw_choices(self) -> None:
        with box("hbox wrap").props('role=group aria-label="Time"'):
            for preset in TimeRange:
                chip = link(self._view.during(preset).address(), "chip", preset.words)
                if preset is self._view.choice.preset:
                    chip.props["aria-current"] = "true"
            other = button("Other time …", self._choose_time, look=PLAIN)
            if self._view.choice.preset is None:
                other.props["aria-pressed"] = "true"
            file = link(self._view.file_address(), "btn file", "Export CSV")
            file.props.update({"download": "analytics.csv", "aria-label": "Export these figures as CSV"})

    def _draw_narrowed(self) -> None:
        choice = self._view.choice
        chosen = {name: value for name in _NARROWED if (value := getattr(choice, name))}
        if not chosen:
            return
        with box("hbox wrap"):
            text("Only", "muted")
            for name, value in chosen.items():
                usual = None if name == "version" else ""
                chip = link(self._view.but(**{name: usual}).address(), "chip", f"{name}: {value} ✕")
                chip.props["aria-label"] = f"Remove {name} {value}"

    def _choose_time(self) -> None:
        open_form("Other time", "Show", self._draw_times)

    def _draw_times(self) -> Act:
        text(
            "The figures of five minutes, of hours or of days that this time touches; as far back as two years.",
            "muted",
        )
        start, stop = MomentField("From", "your time"), MomentField("To", "optional, your time; empty: now")

        async def act() -> Then | None:
            if start.instant is None:
                raise Invalid("Say from when.", {"from": "A time is missing."})
            chosen = self._view.but(preset=None, start=start.instant, stop=stop.instant)
            await access.load_for(Role.VIEWER, kept_analytics, chosen.choice, chosen.by, self._zone)
            ui.navigate.to(chosen.address())
            return None

        return act

    def _draw_week(self, found: Analytics) -> None:
        if found.week is None:
            empty("schedule", "No hours of this time", "Figures this old are kept by day.")
            return
        draw_week(found.week, self._zone)


def _draw_until(found: Analytics) -> None:
    is_late = clock.now() - found.until > LATE
    with box("hbox wrap muted"):
        text("from")
        time_text(found.span.start, "clock")
        text("to")
        time_text(found.span.stop, "clock")
        text("· figures until" if not is_late else "· figures only until", "" if not is_late else "state tone-warn")
        time_text(found.until, "clock")
        if is_late:
            link("/schedules", label="Is its schedule running?")
        if found.gone_before and found.span.start < found.gone_before:
            text("· some of these jobs have been deleted: their figures stay, and lead nowhere")
        elif found.since > found.span.start:
            text("· none of before")
            time_text(found.since, "clock")


def _draw_none(is_none: bool) -> None:  # noqa: FBT001 - what is shown
    if is_none:
        with empty(
            "insights",
            "No figures yet",
            "The schedule “add up finished jobs” writes them every quarter of an hour, once a worker is alive.",
        ):
            link("/schedules", label="Look at schedules")
