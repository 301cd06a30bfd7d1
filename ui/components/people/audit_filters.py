"""The fields above the audit log: who, what, to whom, why, and from when to when."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

from nicegui import ui

from core.audit.search import AuditFilter
from ui.components.base.box import Part, box, text
from ui.components.base.times import MomentField, time_text

#: Families of what people do; an address may ask for others, and for whole names.
FAMILIES: Final = {
    "job": "Jobs",
    "operator": "Operators",
    "session": "Sign-ins",
    "password": "Passwords",
    "user": "Users",
    "queue": "Queues",
    "kind": "Kinds",
    "schedule": "Schedules",
    "keys": "Keys",
}
_MOMENTS: Final = {"since": "From", "until": "To"}

Changed = Callable[[AuditFilter], Awaitable[None]]


class TrailFilters:
    """What is wanted, as fields; calls `changed` with the filter that the person made."""

    def __init__(self, wanted: AuditFilter, changed: Changed) -> None:
        self._wanted = wanted
        self._changed = changed
        with box("trail-filters").props('role=search aria-label="Filter the audit log"'):
            self._who = _words("Who", wanted.who, self._typed, "data-key=/")
            self._user = _words("To whom: e-mail or id", wanted.user, self._typed)
            self._q = _words("Words of the reason", wanted.q, self._typed)
            known = {} if wanted.what in (None, *FAMILIES) else {wanted.what: str(wanted.what)}
            self._what = ui.select({**FAMILIES, **known}, value=wanted.what, clearable=True, on_change=self._typed)
            self._what.props('outlined dense options-dense aria-label="What"').classes("field")
            self._tell_what()
            self._moments = {name: MomentField(word, "your time", self._typed) for name, word in _MOMENTS.items()}
            self._set: Part[AuditFilter] = Part(self._draw_set, "chosen")
        self._set.show(wanted, key=wanted)

    def _tell_what(self) -> None:
        chosen = self._what.value
        self._what.props["display-value"] = FAMILIES.get(chosen, chosen) if chosen else "Anything"
        self._what.update()

    async def _typed(self) -> None:
        self._tell_what()
        times = {name: field.instant for name, field in self._moments.items() if field.instant}
        words = {"who": self._who, "user": self._user, "q": self._q}
        typed = {name: (field.value or "").strip()[:320].replace("\x00", "") or None for name, field in words.items()}
        await self._want(self._wanted.but(**typed, what=self._what.value or None, **times))

    async def _forget(self, name: str) -> None:
        self._moments[name].clear()
        await self._want(self._wanted.but(**{name: None}))

    async def _want(self, wanted: AuditFilter) -> None:
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._set.show(wanted, key=wanted)
        await self._changed(wanted)

    def _draw_set(self, wanted: AuditFilter) -> None:
        for name, word in _MOMENTS.items():
            moment: datetime | None = getattr(wanted, name)
            if moment is not None:
                with box("chip", "button").props("type=button aria-pressed=true") as chip:
                    text(word)
                    time_text(moment, "clock")
                    ui.icon("close").props("aria-hidden=true")
                chip.props["aria-label"] = f"Take away {word}"
                chip.on("click", partial(self._forget, name))


def _words(name: str, value: str | None, typed: Callable[[], Awaitable[None]], more: str = "") -> ui.input:
    made = ui.input(placeholder=name, value=value or "", on_change=typed)
    made.props["aria-label"] = name
    return made.props(f"outlined dense clearable debounce=300 {more}").classes("field")
