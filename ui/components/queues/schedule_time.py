"""The fields of a schedule's time: cron in a zone or once, missed runs; and a live preview of the next runs."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from nicegui import ui

from core.errors import Invalid
from core.models import Schedule
from core.schedules import timing
from core.schedules.listing import NEXT_SHOWN, in_words
from ui.components.base.box import Part, box, text
from ui.components.base.times import MomentField, time_text

FIELD: Final = "outlined dense options-dense"
_MISSED: Final = {"skip": "Skip them", "once": "Run once"}
_CRON, _ONCE = "cron", "once"

#: What the preview shows: the next runs, or the reason why there are none.
Preview = tuple[tuple[datetime, ...], str]


class ScheduleTime:
    """When a schedule runs; `zone` is the person's time zone, `given` the schedule whose time fills the fields."""

    def __init__(self, zone: str, given: Schedule | None = None) -> None:
        self._zone = given.timezone if given and given.cron else zone if zone in timing.zones() else "UTC"
        self._given = given
        when = _ONCE if given and given.at else _CRON
        with box("pair"):
            choices = {_CRON: "Repeatedly (cron)", _ONCE: "Once"}
            self._when = labelled("When", ui.select, choices, value=when, on_change=self._switch).props(FIELD)
            with box("vbox") as self._cron_box:
                cron = (given and given.cron) or "0 3 * * *"
                self._cron = labelled("Cron", ui.input, value=cron, on_change=self._preview)
                self._cron.props("outlined dense debounce=250 data-field=cron")
            with box("vbox") as self._once_box:
                self._moment = MomentField("Date and time", "your time", self._preview)
        if given and given.at:
            self._moment.show(given.at)
        self._draw_zone(given.missed if given else "skip")
        self._runs: Part[Preview] = Part(_draw_preview, "preview")
        self._runs.box.props("role=status aria-label='Next runs'")
        self._show_fields()
        ui.timer(0, self._preview, once=True)

    def values(self) -> dict[str, Any]:
        """Return cron, at, timezone and missed, ready for the gateway. Raises Invalid while a time is missing."""
        cron, at, zone = self._chosen()
        if cron is None and at is None:
            raise Invalid("Choose a date and a time.", {"at": "Choose a date and a time."})
        return {"cron": cron, "at": at and at.isoformat(), "timezone": zone, "missed": self._missed.value}

    def _draw_zone(self, missed: str) -> None:
        with box("pair") as self._cron_more:
            zones = sorted(timing.zones() | {self._zone})  # one that this host does not know is refused with a reason
            self._timezone = labelled(
                "Time zone", ui.select, zones, value=self._zone, with_input=True, on_change=self._preview
            ).props(FIELD)
            self._missed = labelled("Missed runs", ui.select, _MISSED, value=missed).props(FIELD)

    def _show_fields(self) -> None:
        by_cron = self._when.value == _CRON
        for part in (self._cron_box, self._cron_more):
            part.set_visibility(by_cron)
        self._once_box.set_visibility(not by_cron)

    async def _switch(self) -> None:
        self._show_fields()
        await self._preview()

    def _chosen(self) -> tuple[str | None, datetime | None, str]:
        if self._when.value == _CRON:
            return (self._cron.value or "").strip(), None, self._timezone.value or "UTC"
        return None, self._moment.instant, self._given.timezone if self._given else "UTC"

    async def _preview(self) -> None:
        cron, at, zone = self._chosen()
        if cron is None and at is None:
            shown: Preview = ((), "Choose a date and a time.")
        else:
            shown = await asyncio.to_thread(_next_runs, cron, at, zone)
        self._runs.show(shown, key=shown)


def labelled(name: str, make: Callable[..., Any], *args: Any, **given: Any) -> Any:
    """Return a field with its name above it."""
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
