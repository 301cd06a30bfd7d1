"""The form of a new schedule: kind, user and time, with a live preview of its next runs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from nicegui import ui

from core.errors import Invalid, Refused
from core.models import PlatformConnection
from core.operation import NoForm, Operation, Task
from core.operations import BY_NAME
from core.schedules import timing
from core.schedules.listing import NEXT_SHOWN, Target, in_words, targets
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import say
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act
from ui.components.base.times import MomentField, time_text

_FIELD: Final = "outlined dense options-dense"
_MISSED: Final = {"skip": "Skip them", "once": "Run once"}
_CRON, _ONCE = "cron", "once"

#: What the preview shows: the next runs, or the reason why there are none.
Preview = tuple[tuple[datetime, ...], str]


class ScheduleForm:
    """The person's input; `zone` is their time zone, `after` runs once the schedule is added."""

    def __init__(self, zone: str, after: Callable[[], Awaitable[None]]) -> None:
        self._zone = zone if zone in timing.zones() else "UTC"
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
            self._name = _labelled("Name", ui.input).props("outlined dense maxlength=100 autofocus")
            self._kind = _labelled("Job", ui.select, options, value=first, on_change=self._show_kind).props(_FIELD)
        self._of_kind: Part[str] = Part(self._draw_kind, "fields vbox")
        self._show_kind()
        self._draw_time()
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
                self._email = _labelled("For the user with this e-mail", ui.input, on_change=self._find)
                self._email.props("outlined dense debounce=250")
                if issubclass(kind.machine.table, PlatformConnection):
                    self._target = _labelled("Connection", ui.select, {}).props(_FIELD)
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

    def _draw_time(self) -> None:
        with box("pair"):
            self._when = _labelled(
                "When", ui.select, {_CRON: "Repeatedly (cron)", _ONCE: "Once"}, value=_CRON, on_change=self._switch
            ).props(_FIELD)
            with box("vbox") as self._cron_box:
                self._cron = _labelled("Cron", ui.input, value="0 3 * * *", on_change=self._preview)
                self._cron.props("outlined dense debounce=250")
            with box("vbox") as self._once_box:
                self._moment = MomentField("Date and time", "your time", self._preview)
        with box("pair") as self._cron_more:
            zones = sorted(timing.zones())
            self._timezone = _labelled(
                "Time zone", ui.select, zones, value=self._zone, with_input=True, on_change=self._preview
            ).props(_FIELD)
            self._missed = _labelled("Missed runs", ui.select, _MISSED, value="skip").props(_FIELD)
        self._runs: Part[Preview] = Part(_draw_preview, "preview")
        self._runs.box.props("role=status aria-label='Next runs'")
        self._show_time_fields()
        ui.timer(0, self._preview, once=True)

    def _show_time_fields(self) -> None:
        by_cron = self._when.value == _CRON
        for part in (self._cron_box, self._cron_more):
            part.set_visibility(by_cron)
        self._once_box.set_visibility(not by_cron)

    async def _switch(self) -> None:
        self._show_time_fields()
        await self._preview()

    def _time(self) -> tuple[str | None, datetime | None, str]:
        if self._when.value == _CRON:
            return (self._cron.value or "").strip(), None, self._timezone.value or "UTC"
        return None, self._moment.instant, "UTC"

    async def _preview(self) -> None:
        cron, at, zone = self._time()
        if cron is None and at is None:
            shown: Preview = ((), "Choose a date and a time.")
        else:
            shown = await asyncio.to_thread(_next_runs, cron, at, zone)
        self._runs.show(shown, key=shown)

    async def _submit(self) -> None:
        cron, at, zone = self._time()
        if not (self._name.value or "").strip():
            raise Invalid("Enter a name: the history of its jobs shows it.", {"name": "Enter a name."})
        if cron is None and at is None:
            raise Invalid("Choose a date and a time.", {"at": "Choose a date and a time."})
        args: dict[str, Any] = {
            "name": self._name.value.strip(),
            "kind": self._kind.value,
            "args": self._form.values() if self._form else {},
            "target_id": self._chosen(),
            "cron": cron,
            "at": at and at.isoformat(),
            "timezone": zone,
            "missed": self._missed.value,
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


def _labelled(name: str, make: Callable[..., Any], *args: Any, **given: Any) -> Any:
    with box("labelled"):
        text(name, tag="label")
        field = make(*args, **given).classes("field")
    field.props["aria-label"] = name
    return field


def _next_runs(cron: str | None, at: datetime | None, zone: str) -> Preview:
    try:
        return tuple(timing.upcoming(cron, at, zone, NEXT_SHOWN)), in_words(cron) if cron else ""
    except Invalid as refusal:
        return (), next(iter(refusal.fields.values()), str(refusal))


def _draw_preview(shown: Preview) -> None:
    runs, sentence = shown
    if not runs:
        text(sentence, "wrong")
        return
    if sentence:
        text(sentence, "strong", tag="div")
    with box("hbox wrap").style("gap: 2px 14px"):
        text("Next", "muted")
        for run in runs:
            time_text(run, "clock")
