"""The dialogs that edit a schedule, and that make up for its past runs; the page and the palette open them."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core import clock
from core.errors import Invalid, NotFound, Refused
from core.models import Role, Schedule
from core.operation import NoForm
from core.operations import BY_NAME
from core.redact import hidden_names
from core.schedules.backfill import MOST, Backfill, BackfillForm, preview
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import say
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act, Then, open_form
from ui.components.base.times import MomentField, time_text
from ui.components.queues.schedule_time import ScheduleTime

After = Callable[[], Awaitable[None]]

#: The time that the backfill's fields begin with, back from now.
_USUAL: Final = timedelta(days=1)


def schedule_dialogs(row: Schedule) -> list[tuple[str, str, str, Callable[[After], Awaitable[None]]]]:
    """Return the dialogs of a schedule: label, icon, command, and what opens it."""
    edit = ("Edit …", "settings", "schedule.edit", partial(edit_schedule, row.id))
    backfill = ("Backfill …", "history", "schedule.backfill", partial(backfill_schedule, row))
    return [edit, backfill] if row.cron else [edit]


async def browser_zone() -> str:
    """Return the person's time zone, as their browser has it."""
    return str(await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=3))


async def edit_schedule(schedule_id: UUID, after: After) -> None:
    """Open the form of a schedule, filled with what is; `after` runs once it is changed."""
    zone, row = await browser_zone(), await access.load(_row, schedule_id)

    def draw() -> Act:
        kind = BY_NAME.get(row.kind)
        text(f"{kind.label if kind else row.kind}. Its name, its job and its past runs stay.", "muted", tag="p")
        hidden = hidden_names(row.args)
        form = None
        if kind and kind.form is not NoForm:
            with box("pair"):
                form = ModelForm(kind.form, given=row.args, without=hidden)
        time, reason = ScheduleTime(zone, row), ReasonField()

        async def act() -> Then:
            args = form.values() if form else None
            if args is not None and args == _spelled_out(row):
                args = None  # what was left to the form's usual values is still left to them
            await access.perform("schedule.edit", row.id, {**time.values(), "args": args}, reason=reason.value)
            say(f"{row.name} changed.")
            return after

        return act

    open_form(f"Edit schedule “{row.name}”", "Save", draw)


def _row(session: Session, schedule_id: UUID) -> Schedule:
    row = session.get(Schedule, schedule_id)
    if row is None:
        raise NotFound("This schedule was removed meanwhile.")
    return row


def _spelled_out(row: Schedule) -> dict[str, Any] | None:
    try:
        values: dict[str, Any] = BY_NAME[row.kind].form.model_validate(row.args).model_dump(mode="json")
    except ValueError:
        return None
    return values


async def backfill_schedule(row: Schedule, after: After) -> None:
    """Open the form that makes up for a schedule's past runs."""
    form = BackfillFields(row, after)
    open_form(f"Backfill schedule “{row.name}”", "Request the jobs", form.draw)


class BackfillFields:
    """From, to, the number of jobs that it would be now, and the reason."""

    def __init__(self, row: Schedule, after: After) -> None:
        self._row, self._after = row, after
        self._plan: Backfill | None = None

    def draw(self) -> Act:
        """Draw the fields; return what requests the jobs."""
        text("Requests the jobs of past runs that did not run, the oldest first. A run never happens twice.", "muted")
        with box("pair"):
            self._since = MomentField("From", "your time", self._look, field="since")
            self._until = MomentField("To", "your time", self._look, field="until")
        now = clock.now().replace(second=0, microsecond=0)
        self._since.show(now - _USUAL)
        self._until.show(now)
        self._preview: Part[Backfill | str] = Part(self._draw_plan, "preview")
        self._preview.box.props("role=status aria-label='What it would do'")
        self._reason = ReasonField(needed=True)
        ui.timer(0, self._look, once=True)
        return self._submit

    async def _look(self) -> None:
        since, until = self._since.instant, self._until.instant
        shown: Backfill | str = "Choose both times."
        if since and until:
            try:
                form = BackfillForm(since=since, until=until)
                shown = await access.load_for(Role.VIEWER, preview, self._row.id, form)
            except Refused as refusal:
                shown = str(refusal)
        if (since, until) == (self._since.instant, self._until.instant):  # else a later look is under way
            self._plan = shown if isinstance(shown, Backfill) else None
            self._preview.show(shown, key=shown)

    def _draw_plan(self, plan: Backfill | str) -> None:
        if isinstance(plan, str):
            text(plan, "wrong")
            return
        text(counted(len(plan.due), "job") if plan.due else "Nothing to make up for", "strong", tag="div")
        with box("hbox wrap").style("gap: 2px 14px"):
            _draw_ends(plan.due)
            if plan.already:
                text(f"{counted(plan.already, 'run')} happened already", "muted")
        if plan.due and self._row.paused_at:
            text("The schedule is paused; these jobs run all the same.", "muted", tag="div")

    async def _submit(self) -> Then:
        since, until = self._since.instant, self._until.instant
        if since is None or until is None:
            raise Invalid("Choose both times.", {"since": "Choose both times."})
        if self._plan is not None and not self._plan.due:
            raise Invalid("There is nothing to make up for in this time.", {"since": "Choose another time."})
        if not self._reason.is_enough():
            raise Invalid("Give a reason.", {"reason": "Give a reason."})
        at_most = len(self._plan.due) if self._plan else MOST
        args = {"since": since.isoformat(), "until": until.isoformat(), "at_most": at_most}
        done = await access.perform("schedule.backfill", self._row.id, args, reason=self._reason.value)
        say(f"{self._row.name}: {counted(done['requested'], 'job')} requested.")
        return self._after


def _draw_ends(due: tuple[datetime, ...]) -> None:
    if due:
        text("from", "muted")
        time_text(due[0], "clock")
    if len(due) > 1:
        text("to", "muted")
        time_text(due[-1], "clock")
