"""What else can be done with one job: another time, other arguments, and its copies as link, id and command."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from nicegui import ui

from core.commands.registry import COMMANDS
from core.errors import Invalid
from core.jobs.retry import RETRYABLE
from core.models import BackgroundJob, JobStatus
from core.operation import NoForm, Task
from core.operations import BY_NAME
from core.redact import HIDDEN, redacted
from core.wording import PROGRAM
from ui import access
from ui.components.base.box import text
from ui.components.base.button import icon_button, refuse, say
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act, Then, open_form
from ui.components.base.times import MomentField

After = Callable[[], Awaitable[None]]

#: What is copied, by its line of the menu; `{id}` is the job's, `{origin}` the console's address.
_COPIES: Final = {
    "Copy link": "{origin}/jobs/{id}",
    "Copy id": "{id}",
    "Copy command line": f"{PROGRAM} jobs show {{id}}",
    "Copy curl command": "curl -H \"Authorization: Bearer $UNSTUCK_TOKEN\" '{origin}/api/jobs/{id}'",
}


class JobMenu:
    """A button whose menu is made when it is first opened."""

    def __init__(self, job: BackgroundJob, after: After) -> None:
        """`after` runs once a command was accepted."""
        self._job, self._after = job, after
        self._is_drawn = False
        self._button = icon_button("more_vert", "More", self._draw)

    def _draw(self) -> None:
        if self._is_drawn:
            return  # the menu opens and closes itself
        self._is_drawn = True
        with self._button, ui.menu(value=True):
            if self._job.status is JobStatus.QUEUED:
                self._offer("job.reschedule", self._reschedule)
            if self._job.status in RETRYABLE:
                self._offer("job.edit_and_retry", self._edit, why_not_edited(self._job))
            for label, what in _COPIES.items():
                ui.menu_item(label, lambda what=what: self._copy(what))

    def _offer(self, name: str, pressed: Callable[[], None], why_not: str = "") -> None:
        command, actor = COMMANDS[name], access.me()
        if not actor.may(command.role):
            why_not = f"{command.label} needs the role {command.role}; you are {actor.role}."
        item = ui.menu_item(f"{command.label} …", partial(refuse, why_not) if why_not else pressed)
        item.props["aria-disabled"] = "true" if why_not else "false"

    def _copy(self, what: str) -> None:
        own = what.replace("{id}", str(self._job.id))
        # Only the browser knows by which address people reach the console.
        ui.run_javascript(f"navigator.clipboard.writeText({json.dumps(own)}.replaceAll('{{origin}}', location.origin))")
        say("Copied.")

    def _reschedule(self) -> None:
        open_form("Reschedule the job", "Reschedule", self._draw_reschedule)

    def _draw_reschedule(self) -> Act:
        text("It waits until then; a job that has not begun leaves its user as they were before.", "muted", tag="p")
        when = MomentField("Start at", "your time")
        reason = ReasonField()

        async def act() -> Then | None:
            if when.instant is None:
                raise Invalid("Choose a date and a time.", {"at": "Choose one."})
            args = {"at": when.instant.isoformat()}
            await access.perform("job.reschedule", self._job.id, args, reason=reason.value)
            say("Rescheduled.")
            return self._after

        return act

    def _edit(self) -> None:
        open_form("Edit and retry", "Retry", self._draw_edit)

    def _draw_edit(self) -> Act:
        kind: Any = BY_NAME[self._job.kind]
        text("A new job does the same work with these arguments; this one stays in the history.", "muted", tag="p")
        hidden = hidden_arguments(self._job)
        form = ModelForm(kind.form, given=self._job.args, without=hidden)
        if hidden:
            text(f"Hidden, and taken over: {', '.join(sorted(hidden))}.", "help")
        reason = ReasonField(needed=isinstance(kind, Task) and kind.needs_reason)

        async def act() -> Then | None:
            # What an older job does not name has its usual value.
            usual = {name: info.default for name, info in kind.form.model_fields.items()} | self._job.args
            values = {name: value for name, value in form.values().items() if name not in hidden}
            changed = {name: value for name, value in values.items() if usual.get(name) != value}
            answer = await access.perform("job.edit_and_retry", self._job.id, {"args": changed}, reason=reason.value)
            say("Retry queued.", answer.get("job_id"))
            return self._after

        return act


def why_not_edited(job: BackgroundJob) -> str:
    """Return why the arguments of a job cannot be edited; empty: they can."""
    kind: Any = BY_NAME.get(job.kind)
    if kind is None:
        return "This version of the program has no such kind."
    return "This kind has no arguments." if kind.form is NoForm or not kind.form.model_fields else ""


def hidden_arguments(job: BackgroundJob) -> set[str]:
    """Return the names of arguments that a browser does not see."""
    shown = redacted(job.args) if isinstance(job.args, dict) else {}
    return {name for name, value in shown.items() if value == HIDDEN or HIDDEN in str(value)}
