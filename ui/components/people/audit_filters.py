"""The filter fields of the audit log: person, action, affected user, reason and time range."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

from nicegui import ui

from core.audit.search import AuditFilter
from ui.components.base.box import Part, box, text
from ui.components.base.times import MomentField, time_text

#: Groups of actions; the URL may also name others, or a single action.
ACTION_GROUPS: Final = {
    "job": "Jobs",
    "operator": "Operators",
    "session": "Sign-ins",
    "password": "Passwords",
    "user": "Users",
    "queue": "Queues",
    "kind": "Kinds",
    "schedule": "Schedules",
    "message": "Messages",
    "keys": "Keys",
}
_MOMENTS: Final = {"since": "From", "until": "To"}

Changed = Callable[[AuditFilter], Awaitable[None]]


class AuditFilterFields:
    """The filter as fields; calls `changed` with each new filter."""

    def __init__(self, audit_filter: AuditFilter, changed: Changed) -> None:
        self._filter = audit_filter
        self._changed = changed
        with box("audit-filters").props('role=search aria-label="Filter the audit log"'):
            self._who = _search_field("Who", audit_filter.who, self._typed, "data-key=/")
            self._user = _search_field("Affected user: e-mail or id", audit_filter.user, self._typed)
            self._q = _search_field("Reason contains", audit_filter.q, self._typed)
            known = {} if audit_filter.what in (None, *ACTION_GROUPS) else {audit_filter.what: str(audit_filter.what)}
            self._action = ui.select(
                {**ACTION_GROUPS, **known}, value=audit_filter.what, clearable=True, on_change=self._typed
            )
            self._action.props('outlined dense options-dense aria-label="Action"').classes("field")
            self._show_action()
            self._moments = {name: MomentField(word, "your time", self._typed) for name, word in _MOMENTS.items()}
            self._chips: Part[AuditFilter] = Part(self._draw_chips, "chosen")
        self._chips.show(audit_filter, key=audit_filter)

    def _show_action(self) -> None:
        chosen = self._action.value
        self._action.props["display-value"] = ACTION_GROUPS.get(chosen, chosen) if chosen else "Any action"
        self._action.update()

    async def _typed(self) -> None:
        self._show_action()
        times = {name: field.instant for name, field in self._moments.items() if field.instant}
        fields = {"who": self._who, "user": self._user, "q": self._q}
        typed = {name: (field.value or "").strip()[:320].replace("\x00", "") or None for name, field in fields.items()}
        await self._apply(self._filter.but(**typed, what=self._action.value or None, **times))

    async def _clear_moment(self, name: str) -> None:
        self._moments[name].clear()
        await self._apply(self._filter.but(**{name: None}))

    async def _apply(self, audit_filter: AuditFilter) -> None:
        if audit_filter == self._filter:
            return
        self._filter = audit_filter
        self._chips.show(audit_filter, key=audit_filter)
        await self._changed(audit_filter)

    def _draw_chips(self, audit_filter: AuditFilter) -> None:
        for name, word in _MOMENTS.items():
            moment: datetime | None = getattr(audit_filter, name)
            if moment is not None:
                with box("chip", "button").props("type=button aria-pressed=true") as chip:
                    text(word)
                    time_text(moment, "clock")
                    ui.icon("close").props("aria-hidden=true")
                chip.props["aria-label"] = f"Remove filter {word}"
                chip.on("click", partial(self._clear_moment, name))


def _search_field(name: str, value: str | None, typed: Callable[[], Awaitable[None]], more: str = "") -> ui.input:
    element = ui.input(placeholder=name, value=value or "", on_change=typed)
    element.props["aria-label"] = name
    return element.props(f"outlined dense clearable debounce=300 {more}").classes("field")
