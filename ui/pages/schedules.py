"""Schedules: kind, time, next runs and last runs, and the buttons that change them."""

from collections.abc import Callable
from functools import partial
from typing import Final

from core.database.window import Window
from core.models import JobStatus, ScheduleTick
from core.schedules.listing import ScheduleLine, in_words, schedule_lines
from ui import access, live, query_cache
from ui.components.base.box import Part, Rows, box, keep_ticking, link, text
from ui.components.base.button import PRIMARY, button
from ui.components.base.command_button import command_button, limit_to_role
from ui.components.base.empty import empty
from ui.components.base.open_form import open_form
from ui.components.base.pager import Pager
from ui.components.base.pause import draw_who_paused
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text
from ui.components.queues.schedule_actions import schedule_actions
from ui.components.queues.schedule_dialogs import browser_zone, schedule_dialogs
from ui.components.queues.schedule_form import ScheduleForm

_MISSED: Final = {"skip": "missed runs are skipped", "once": "missed runs are made up for once"}


async def draw() -> None:
    """Draw the schedules and keep them fresh."""
    page = SchedulesPage()
    await page.refresh()
    keep_ticking(page.screen, page.refresh)


class SchedulesPage:
    """All schedules, sorted by name."""

    def __init__(self) -> None:
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Schedules", tag="h1")
                text("Jobs requested at set times; each run starts once.", "muted")
                box("grow")
                limit_to_role(button("Add schedule", self._add, look=PRIMARY, icon="add"), "schedule.add")
            with box("panel", "section").props("aria-label=Schedules"):
                self._none: Part[bool] = Part(_draw_none)
                self._rows: Rows[ScheduleLine] = Rows(self._draw_row, "rows schedules")
                self._pager = Pager("schedules", self.refresh)

    async def refresh(self) -> None:
        """Load the schedules again and show what changed."""
        start = self._pager.start
        self._show(await (access.load(schedule_lines, start) if start else query_cache.schedules.now()))

    async def _reload(self) -> None:
        await query_cache.schedules.anew()
        await self.refresh()

    def _show(self, lines: Window[ScheduleLine]) -> None:
        if self.screen.is_deleted:
            return
        self._none.show(not lines, key=not lines)
        self._rows.show({line.schedule.id: line for line in lines})
        self._pager.show(lines)

    async def _add(self) -> None:
        form = ScheduleForm(await browser_zone(), self._reload)
        open_form("Add schedule", "Add schedule", form.draw)

    def _draw_row(self, first: ScheduleLine) -> Callable[[ScheduleLine], None]:
        part: Part[ScheduleLine] = Part(self._draw_line, "schedule")
        part.box.props["data-schedule"] = first.schedule.name

        def update(now: ScheduleLine) -> None:
            row = now.schedule
            pause = (row.paused_at, row.paused_by, row.paused_reason)
            ticks = [(tick.due_at, tick.outcome, now.endings.get(tick.job_id)) for tick in now.ticks]
            settings = (row.cron, row.timezone, row.missed)
            part.show(now, key=(settings, pause, now.target, now.next, now.problem, ticks, why_late(now)))

        return update

    def _draw_line(self, line: ScheduleLine) -> None:
        with box("what"):
            _draw_kind(line)
        with box("when"):
            _draw_when(line)
        with box("next"):
            _draw_next(line)
        with box("last"):
            _draw_last(line)
        with box("hbox wrap buttons"):
            self._draw_buttons(line)

    def _draw_buttons(self, line: ScheduleLine) -> None:
        run, switch, remove = schedule_actions(line.schedule)
        command_button(run, self._reload)
        command_button(switch, self._reload)
        for label, icon, command, opens in schedule_dialogs(line.schedule):
            limit_to_role(button(label, partial(opens, self._reload), icon=icon), command)
        command_button(remove, self._reload)


def _draw_none(is_empty: bool) -> None:  # noqa: FBT001 - what the part shows
    if is_empty:
        empty(
            "event_repeat",
            "No schedules yet",
            "Add one for recurring work, such as deleting old jobs every night.",
        )


def why_late(line: ScheduleLine) -> str:
    """Return why a schedule's job has not been requested though its time has passed; empty: it is not late."""
    if line.state != "late":
        return ""
    health = live.status().health
    if health and not health.workers_alive:
        return "No worker is alive: workers look at the schedules."
    return "Workers look at the schedules every second: see their logs."


def _draw_kind(line: ScheduleLine) -> None:
    row = line.schedule
    with box("named"):
        state_chip(line.state)
        text(row.name, "strong")
    with box("muted"):
        text(f"{line.label} ")
        if line.target:
            text("for ")
            link(f"/users/{line.target.user_id}", label=line.target.label)
        elif row.target_id:
            text("for a deleted user")
    if row.paused_at:
        draw_who_paused(row)
    if line.problem:
        text(f"{line.problem} Id {row.id}", "wrong", tag="div")


def _draw_when(line: ScheduleLine) -> None:
    row = line.schedule
    if row.at:
        time_text(row.at, "clock", "strong")
        text("once", "muted", tag="div")
        return
    cron = row.cron or ""
    sentence = in_words(cron)
    text(sentence or "Cron expression", tag="div")
    with box("muted"):
        text(cron, "mono")
        text(f" in {row.timezone}; {_MISSED.get(row.missed, row.missed)}")


def _draw_next(line: ScheduleLine) -> None:
    text("Next", "label")
    if line.problem:
        text("none: its time cannot be read", "muted")
    elif line.schedule.paused_at:
        text("none while paused", "muted")
    elif not line.next:
        text("none: it ran once only", "muted")
    if why := why_late(line):
        with box("wrong", "div"):
            text("late: it was due ")
            time_text(line.schedule.next_due_at)
        text(why, "muted", tag="div")
    for moment in line.next:
        if moment != line.schedule.next_due_at or not why:
            time_text(moment, "due")


def _draw_last(line: ScheduleLine) -> None:
    text("Last", "label")
    if not line.ticks:
        text("not due yet", "muted")
    for tick in line.ticks:
        _draw_tick(tick, line.endings.get(tick.job_id))


def _draw_tick(tick: ScheduleTick, status: JobStatus | None) -> None:
    with box("tick"):
        state_chip(tick.outcome)
        time_text(tick.due_at, classes="muted")
        if tick.job_id:
            link(f"/jobs/{tick.job_id}", label=f"job {status or 'deleted'}")
        if tick.detail:
            text(tick.detail, "muted detail")
