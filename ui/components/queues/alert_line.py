"""One alert as a row: what is wrong, since when, whether people were told, and the snooze."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from core.alerts.listing import AlertLine
from ui import access
from ui.components.base.box import box, link, text
from ui.components.base.button import button, say
from ui.components.base.command_button import CommandAction, command_button, limit_to_role
from ui.components.base.confirm import ReasonField
from ui.components.base.open_form import Act, open_form
from ui.components.base.times import time_text

#: What a snooze is offered for, in hours.
_HOURS = {1: "1 hour", 4: "4 hours", 24: "a day", 168: "a week"}


def draw_alert(line: AlertLine, after: Callable[[], Awaitable[None]]) -> None:
    """Draw one alert; `after` runs when it was snoozed or woken."""
    with box("what"):
        text(line.label, "strong")
        with box("muted"):
            text("since ")
            time_text(line.since, "clock")
    with box("sentence"):
        link(line.href, label=line.sentence)
    with box("told muted"):
        _draw_told(line)
    with box("hbox wrap buttons"):
        if not line.is_over:
            _draw_buttons(line, after)


def _draw_told(line: AlertLine) -> None:
    if line.gone_since:
        text("over since " if line.is_over else "not there any more since ")
        time_text(line.gone_since, "clock")
    elif line.snoozed_until:
        text(f"snoozed by {line.snoozed_by} until ")
        time_text(line.snoozed_until, "clock")
        if line.snooze_reason:
            text(f": {line.snooze_reason}")
    elif line.told_at:
        text("raised ")
        time_text(line.told_at, "ago")
    else:
        text("raised before within the last hour")


def _draw_buttons(line: AlertLine, after: Callable[[], Awaitable[None]]) -> None:
    if line.snoozed_until:
        woken = CommandAction(
            command="alert.wake", label="End snooze", done="It is told again from now on.", target=line.id
        )
        command_button(woken, after)
        return

    def draw_snooze() -> Act:
        return _draw_snooze(line, after)

    snooze = button("Snooze", lambda: open_form("Snooze the alert", "Snooze", draw_snooze), icon="snooze")
    snooze.props["aria-label"] = f"Snooze: {line.label}"
    limit_to_role(snooze, "alert.snooze")


def _draw_snooze(line: AlertLine, after: Callable[[], Awaitable[None]]) -> Act:
    text(f"{line.sentence}. Meanwhile nobody is told of it, however often it comes; this page shows it.", tag="p")
    with box("labelled"):
        text("For", tag="label")
        hours = ui.select(_HOURS, value=4).classes("field").props('outlined dense aria-label="For"')
    reason = ReasonField(needed=True)

    async def snooze() -> None:
        await access.perform("alert.snooze", line.id, {"hours": hours.value}, reason=reason.value)
        say("The alert is snoozed.")
        await after()

    return snooze
