"""Alerts: what is wrong now, who is told, what is snoozed, and what is over."""

from collections.abc import Callable
from typing import Final

from sqlmodel import Session

from core.alerts.listing import AlertLine, open_alerts, over_alerts
from core.messages.operators_channel import operator_ways
from core.messages.webhook_channel import webhook_ways
from core.models import Role
from ui import access, design
from ui.components.base.box import Part, Rows, box, keep_ticking, text
from ui.components.base.empty import empty
from ui.components.queues.alert_line import draw_alert

#: Seconds between two refreshes; alerts are looked for once a minute.
REFRESH_SECONDS: Final = 5.0

_Loaded = tuple[list[AlertLine], list[AlertLine]]


async def draw() -> None:
    """Draw the alerts and keep them fresh."""
    page = AlertsPage()
    await page.refresh()
    keep_ticking(page.screen, page.refresh, seconds=REFRESH_SECONDS)


class AlertsPage:
    """The alerts that are there, and those that are over."""

    def __init__(self) -> None:
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Alerts", tag="h1")
                text("What has been wrong for long enough to tell somebody. Looked for once a minute.", "muted")
            _draw_ways()
            with box("panel", "section").props('aria-label="Alerts that are there now"'):
                self._none: Part[bool] = Part(_draw_none)
                self._now: Rows[AlertLine] = Rows(self._draw_row, "rows alerts")
            with box("panel", "section").props('aria-label="Alerts that are over"') as self._over_panel:
                with box("title"):
                    text("Over", tag="h2")
                self._over: Rows[AlertLine] = Rows(self._draw_row, "rows alerts over")

    async def refresh(self) -> None:
        """Load the alerts again and show what changed."""
        now, over = await access.load_for(Role.VIEWER, _read)
        if self.screen.is_deleted:
            return
        self._none.show(not now, key=not now)
        self._now.show({line.id: line for line in now})
        self._over_panel.set_visibility(bool(over))
        self._over.show({line.id: line for line in over})

    def _draw_row(self, first: AlertLine) -> Callable[[AlertLine], None]:
        part: Part[AlertLine] = Part(lambda line: draw_alert(line, self.refresh), "alert")
        part.box.props["data-alert"] = first.rule
        return lambda line: part.show(line, key=line)


def _read(session: Session) -> _Loaded:
    return open_alerts(session), over_alerts(session)


def _draw_ways() -> None:
    """Say who is told, by the settings of this console."""
    ways, webhooks = operator_ways(), webhook_ways()
    told = [f"Told by {', '.join(ways)}."] if ways else ["Nobody is told by message: UNSTUCK_ALERTS is not set."]
    told += [f"Webhooks: {', '.join(webhooks)}."] if webhooks else []
    with box(f"way {design.OK if ways or webhooks else design.IDLE}"):
        text(" ".join(told), "words")


def _draw_none(is_empty: bool) -> None:  # noqa: FBT001 - what the part shows
    if is_empty:
        empty("notifications_none", "No alerts", "Nothing has been wrong for long enough to tell somebody.")
