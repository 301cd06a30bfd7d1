"""Schedules: what is asked for when, the next runs, what came of the last ones, and the buttons to steer them."""

from collections.abc import Callable
from typing import Final

from nicegui import ui

from core.models import ScheduleTick
from core.schedules.listing import ScheduleLine, in_words
from ui import query_cache
from ui.components.base.box import Part, Rows, box, keep_ticking, link, text
from ui.components.base.button import PRIMARY, button
from ui.components.base.command_button import CommandAction, command_button, only_for
from ui.components.base.confirm import Question
from ui.components.base.empty import empty
from ui.components.base.open_form import open_form
from ui.components.base.pause import draw_who_paused
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text
from ui.components.queues.schedule_form import ScheduleForm

_MISSED: Final = {"skip": "missed runs are skipped", "once": "missed runs are caught up once"}


async def draw() -> None:
    """Draw the schedules, and keep them fresh."""
    ui.page_title("Schedules · Unstuck")
    page = SchedulesPage()
    await page.refresh()
    keep_ticking(page.screen, page.refresh)


class SchedulesPage:
    """All schedules by name."""

    def __init__(self) -> None:
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Schedules", tag="h1")
                text("Work that is asked for at times; each run fires once.", "muted")
                box("grow")
                only_for(button("Add schedule", self._add, look=PRIMARY, icon="add"), "schedule.add")
            with box("panel", "section").props("aria-label=Schedules"):
                self._none: Part[bool] = Part(_draw_none)
                self._rows: Rows[ScheduleLine] = Rows(self._draw_row, "rows schedules")

    async def refresh(self) -> None:
        """Look again."""
        self._show(await query_cache.schedules.now())

    async def _look_again(self) -> None:
        self._show(await query_cache.schedules.anew())

    def _show(self, lines: list[ScheduleLine]) -> None:
        if self.screen.is_deleted:
            return
        self._none.show(not lines, key=not lines)
        self._rows.show({line.schedule.id: line for line in lines})

    async def _add(self) -> None:
        zone = await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=3)
        form = ScheduleForm(str(zone), self._look_again)
        open_form("Add schedule", "Add schedule", form.draw)

    def _draw_row(self, _: ScheduleLine) -> Callable[[ScheduleLine], None]:
        part: Part[ScheduleLine] = Part(self._draw_line, "schedule")

        def move(now: ScheduleLine) -> None:
            row = now.schedule
            pause = (row.paused_at, row.paused_by, row.paused_reason)
            ticks = [(tick.due_at, tick.outcome) for tick in now.ticks]
            part.box.props["data-schedule"] = row.name
            part.show(now, key=(pause, now.target, now.next, ticks))

        return move

    def _draw_line(self, line: ScheduleLine) -> None:
        with box("what"):
            _draw_what(line)
        with box("when"):
            _draw_when(line)
        with box("next"):
            _draw_next(line)
        with box("last"):
            _draw_last(line)
        with box("hbox wrap buttons"):
            self._draw_buttons(line)

    def _draw_buttons(self, line: ScheduleLine) -> None:
        row = line.schedule
        run = CommandAction(
            command="schedule.run", words="Run now", done=f"{row.name}: asked for.", target=row.id, icon="bolt"
        )
        command_button(run, self._look_again)
        command_button(_resume(line) if row.paused_at else _pause(line), self._look_again)
        command_button(_remove(line), self._look_again)


def _draw_none(nothing: bool) -> None:  # noqa: FBT001 - what the part shows
    if nothing:
        empty(
            "event_repeat",
            "There are no schedules",
            "Add one for what should happen by itself, such as deleting old jobs every night.",
        )


def _draw_what(line: ScheduleLine) -> None:
    row = line.schedule
    with box("named"):
        state_chip("paused" if row.paused_at else "active" if line.next else "over")
        text(row.name, "strong")
    with box("muted"):
        text(f"{line.label} ")
        if line.target:
            text("for ")
            link(f"/users/{line.target.user_id}", words=line.target.words)
        elif row.target_id:
            text("for somebody who is no longer there")
    if row.paused_at:
        draw_who_paused(row)


def _draw_when(line: ScheduleLine) -> None:
    row = line.schedule
    if row.at:
        time_text(row.at, "clock", "strong")
        text("once", "muted", tag="div")
        return
    cron = row.cron or ""
    words = in_words(cron)
    text(words or "By this expression", tag="div")
    with box("muted"):
        text(cron, "mono")
        text(f" in {row.timezone}; {_MISSED.get(row.missed, row.missed)}")


def _draw_next(line: ScheduleLine) -> None:
    text("Next", "label")
    if line.schedule.paused_at:
        text("none while it is paused", "muted")
    elif not line.next:
        text("none: it was for one time only", "muted")
    for moment in line.next:
        time_text(moment, "until")


def _draw_last(line: ScheduleLine) -> None:
    text("Last", "label")
    if not line.ticks:
        text("it was not due yet", "muted")
    for tick in line.ticks:
        _draw_tick(tick)


def _draw_tick(tick: ScheduleTick) -> None:
    with box("tick"):
        state_chip(tick.outcome)
        time_text(tick.due_at, classes="muted")
        if tick.job_id:
            link(f"/jobs/{tick.job_id}", words="job")
        if tick.detail:
            text(tick.detail, "muted detail")


def _pause(line: ScheduleLine) -> CommandAction:
    row = line.schedule
    question = Question(
        f"Pause {row.name}?",
        ["Its runs pass unheard until somebody resumes it; none is caught up."],
        "Pause",
    )
    return CommandAction(
        command="schedule.pause",
        words="Pause",
        done=f"{row.name} is paused.",
        target=row.id,
        question=question,
        icon="pause",
    )


def _resume(line: ScheduleLine) -> CommandAction:
    row = line.schedule
    return CommandAction(
        command="schedule.resume", words="Resume", done=f"{row.name} goes on.", target=row.id, icon="play_arrow"
    )


def _remove(line: ScheduleLine) -> CommandAction:
    row = line.schedule
    question = Question(
        f"Remove {row.name}?",
        ["The schedule and the record of its runs are deleted. Jobs that it asked for stay."],
        "Remove",
        takes_away=True,
    )
    return CommandAction(
        command="schedule.remove", words="Remove", done=f"{row.name} is removed.", target=row.id, question=question
    )
