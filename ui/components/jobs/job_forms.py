"""The forms for another time and for other arguments, of one job or of many."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui

from core.errors import Invalid
from core.models import BackgroundJob
from core.operation import NoForm, Task
from core.operations import BY_NAME
from core.redact import hidden_names
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import say
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act, Then, open_form
from ui.components.base.times import MomentField

After = Callable[[], Awaitable[None]]
#: Does a command with its input and its reason.
Do = Callable[[Mapping[str, Any], str | None], Awaitable[Then | None]]


def open_reschedule(number: int, do: Do) -> None:
    """Ask for another time, and do that with so many jobs."""

    def draw() -> Act:
        text("It waits until then; a job that has not begun leaves its user as they were before.", "muted", tag="p")
        when = MomentField("Start at", "your time")
        reason = ReasonField()

        async def act() -> Then | None:
            if when.instant is None:
                raise Invalid("Choose a date and a time.", {"at": "Choose one."})
            return await do({"at": when.instant.isoformat()}, reason.value)

        return act

    open_form(f"Reschedule {'the job' if number == 1 else counted(number, 'job')}", "Reschedule", draw)


def open_edit(job: BackgroundJob, after: After) -> None:
    """Ask for other arguments, and retry a job with them."""

    def draw() -> Act:
        kind: Any = BY_NAME[job.kind]
        text("A new job does the same work with these arguments; this one stays in the history.", "muted", tag="p")
        hidden = hidden_names(job.args)
        form = ModelForm(kind.form, given=job.args, without=hidden)
        if hidden:
            text(f"Hidden, and taken over: {', '.join(sorted(hidden))}.", "help")
        reason = ReasonField(needed=isinstance(kind, Task) and kind.needs_reason)

        async def act() -> Then | None:
            # What an older job does not name has its usual value.
            usual = {name: info.default for name, info in kind.form.model_fields.items()} | job.args
            values = {name: value for name, value in form.values().items() if name not in hidden}
            changed = {name: value for name, value in values.items() if usual.get(name) != value}
            answer = await access.perform("job.edit_and_retry", job.id, {"args": changed}, reason=reason.value)
            say("Retry queued.", answer.get("job_id"))
            return after

        return act

    open_form("Edit and retry", "Retry", draw)


def open_edit_of_many(kind_name: str, do: Do) -> None:
    """Ask for the arguments that many jobs of one kind are to have, and do that; the others stay, each as it is."""
    kind: Any = BY_NAME[kind_name]
    fields = {name: info.title or name.replace("_", " ") for name, info in kind.form.model_fields.items()}

    def draw() -> Act:
        forms: list[ModelForm] = []

        def draw_fields(names: frozenset[str]) -> None:
            forms[:] = [ModelForm(kind.form, without=fields.keys() - names)] if names else []

        text("New jobs do the same work with these arguments; what is not chosen stays, each job's own.", "muted", "p")
        with box("labelled"):
            text("Arguments to change", tag="label")
            chosen = ui.select(fields, multiple=True, value=[]).classes("field")
            chosen.props('outlined dense options-dense aria-label="Arguments to change"')
        part: Part[frozenset[str]] = Part(draw_fields, "fields vbox")
        chosen.on_value_change(lambda: part.show(frozenset(chosen.value), key=frozenset(chosen.value)))

        async def act() -> Then | None:
            if not chosen.value:
                raise Invalid("Choose at least one argument to change.", {"args": "Choose one."})
            return await do({"args": forms[0].part()}, None)

        return act

    open_form(f"Edit and retry {kind.label}", "Prepare", draw)


def why_not_edited(kind_name: str) -> str:
    """Return why the arguments of a kind cannot be edited; empty: they can."""
    kind: Any = BY_NAME.get(kind_name)
    if kind is None:
        return "This version of the program has no such kind."
    return "This kind has no arguments." if kind.form is NoForm or not kind.form.model_fields else ""
