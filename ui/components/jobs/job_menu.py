"""What else can be done with one job: another time, other arguments, and its copies as link, id and command."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from nicegui import ui

from core.commands.registry import COMMANDS
from core.jobs.retry import RETRYABLE
from core.models import BackgroundJob, JobStatus
from core.wording import PROGRAM
from ui import access
from ui.components.base.button import icon_button, refuse, say
from ui.components.base.open_form import Then
from ui.components.base.undo_toast import say_undoable
from ui.components.jobs.job_forms import open_edit, open_reschedule, why_not_edited

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
                self._offer(
                    "job.edit_and_retry", lambda: open_edit(self._job, self._after), why_not_edited(self._job.kind)
                )
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
        async def do(args: Mapping[str, Any], reason: str | None) -> Then | None:
            _, entry = await access.perform_undoable("job.reschedule", self._job.id, args, reason=reason)
            say_undoable("Rescheduled.", entry, self._after)
            return self._after

        open_reschedule(1, do)
