"""Times: relative, exact on hover, in the viewer's time zone (assets/console.js renders them)."""

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from nicegui import ui
from nicegui.events import GenericEventArguments

from ui.components.base.box import box, text

#: `due` is `until` with the time of day; `time` is `clock` without the word "today at".
Mode = Literal["ago", "until", "due", "clock", "time", "elapsed"]


def time_text(at: datetime | str | None, mode: Mode = "ago", classes: str = "") -> ui.element:
    """Return a time that updates itself; an empty element for None."""
    element = ui.element("time-text").classes(classes).props("translate=no")  # Chrome replaces what it translates
    if at is not None:
        element.props["mode"] = mode
        set_time(element, at)
    return element


def set_time(element: ui.element, at: datetime | str) -> None:
    """Change the moment that a time shows."""
    moment = at if isinstance(at, str) else at.isoformat()
    if element.props.get("at") != moment:
        element.props["at"] = moment
        element.update()


class MomentField:
    """A field for a date and time in the viewer's zone; `instant` is its value, or None while it is empty."""

    def __init__(
        self,
        name: str,
        note: str = "optional, your time",
        changed: Callable[[], Any] | None = None,
        *,
        field: str = "at",
    ) -> None:
        self.instant: datetime | None = None
        self._changed = changed
        with box("labelled"):
            text(f"{name} ({note})", tag="label")
            self._field = box("native-field", "input").props("type=datetime-local")
        self._field.props.update({"aria-label": name, "data-field": field})
        # The browser knows the person's zone, so it converts the input into an instant.
        self._field.on("input", self._chosen, js_handler="(event) => emit(window.instantOf(event.target.value))")

    def show(self, at: datetime) -> None:
        """Fill the field with a moment, to the minute."""
        self.instant = at
        ui.run_javascript(f"showInstant({self._field.id}, '{at.isoformat()}')")

    def clear(self) -> None:
        """Empty the field."""
        self.instant = None
        ui.run_javascript(f"getElement({self._field.id}).value = ''")

    async def _chosen(self, event: GenericEventArguments) -> None:
        self.instant = datetime.fromisoformat(event.args) if isinstance(event.args, str) else None
        if self._changed:
            answer = self._changed()
            if inspect.isawaitable(answer):
                await answer
