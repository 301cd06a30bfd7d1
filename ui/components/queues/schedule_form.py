"""The form of a new schedule: kind, user and time, with a live preview of its next runs."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from core.errors import Invalid, Refused
from core.models import PlatformConnection
from core.operation import NoForm, Operation, Task
from core.operations import BY_NAME
from core.schedules.listing import Target, targets
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import say
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act
from ui.components.queues.schedule_time import FIELD, ScheduleTime, labelled


class ScheduleForm:
    """The person's input; `zone` is their time zone, `after` runs once the schedule is added."""

    def __init__(self, zone: str, after: Callable[[], Awaitable[None]]) -> None:
        self._zone = zone
        self._after = after
        self._form: ModelForm | None = None
        self._email: ui.input | None = None
        self._target: ui.select | None = None
        self._targets: dict[str, Target] = {}

    def draw(self) -> Act:
        """Draw the fields; return what adds the schedule."""
        options = {name: f"{kind.label}  ({name})" for name, kind in BY_NAME.items()}
        first = next(name for name, kind in BY_NAME.items() if isinstance(kind, Task))
        with box("pair"):
            self._name = labelled("Name", ui.input).props("outlined dense maxlength=100 autofocus data-field=name")
            self._kind = labelled("Job", ui.select, options, value=first, on_change=self._show_kind).props(FIELD)
        self._of_kind: Part[str] = Part(self._draw_kind, "fields vbox")
        self._show_kind()
        self._time = ScheduleTime(self._zone)
        self._reason = ReasonField()
        return self._submit

    def _show_kind(self) -> None:
        self._of_kind.show(self._kind.value, key=self._kind.value)

    def _draw_kind(self, name: str) -> None:
        kind = BY_NAME[name]
        self._email = self._target = None
        self._targets = {}
        if isinstance(kind, Operation):
            with box("pair"):
                self._email = labelled("For the user with this e-mail", ui.input, on_change=self._find)
                self._email.props("outlined dense debounce=250 data-field=target_id")
                if issubclass(kind.machine.table, PlatformConnection):
                    self._target = labelled("Connection", ui.select, {}).props(FIELD)
                self._result = text("", "help").props("role=status")
        if kind.form is NoForm:
            self._form = None
            return
        with box("pair"):
            self._form = ModelForm(kind.form)

    async def _find(self) -> None:
        assert self._email is not None, "only its own change leads here"
        email = (self._email.value or "").strip()
        self._targets = {}
        try:
            matches = await access.load(targets, self._kind.value, email) if email else []
        except Refused as refusal:
            self._result.set_text(str(refusal))
            return
        self._targets = {str(target.id): target for target in matches}
        outcome = "User found." if matches else "This user has no connection to choose."
        self._result.set_text(outcome if email else "")
        if self._target:
            labels = {key: target.label for key, target in self._targets.items()}
            self._target.set_options(labels, value=next(iter(labels), None))

    async def _submit(self) -> None:
        if not (self._name.value or "").strip():
            raise Invalid("Enter a name: the history of its jobs shows it.", {"name": "Enter a name."})
        args: dict[str, Any] = {
            "name": self._name.value.strip(),
            "kind": self._kind.value,
            "args": self._form.values() if self._form else {},
            "target_id": self._chosen(),
            **self._time.values(),
        }
        await access.perform("schedule.add", None, args, reason=self._reason.value)
        say(f"{args['name']} added.")
        await self._after()

    def _chosen(self) -> str | None:
        if self._email is None:
            return None
        chosen = self._target.value if self._target else next(iter(self._targets), None)
        if chosen is None:
            raise Invalid("Enter the e-mail address of an existing user.", {"target_id": "No user has this address."})
        return str(chosen)
