"""Bulk actions: what was done to many at once, by whom, and how far each is."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from sqlmodel import Session

from core.bulk.listing import bulk_actions, halts, sentence_of
from core.commands.registry import COMMANDS
from core.database.window import Window
from core.models import BulkAction, Role
from ui import access
from ui.components.base.box import Part, Rows, box, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.pager import Pager
from ui.components.base.state_chip import set_state, state_chip
from ui.components.base.times import time_text

LINES: Final = 50
#: Seconds between two refreshes.
REFRESH_SECONDS: Final = 2.0
#: A bulk action, and why it does not go on.
_Line = tuple[BulkAction, str]


async def draw() -> None:
    """Draw the bulk actions and keep them fresh."""
    page = BulkPage()
    await page.refresh()
    keep_ticking(page.screen, page.refresh, seconds=REFRESH_SECONDS)


class BulkPage:
    """The bulk actions, newest first."""

    def __init__(self) -> None:
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Bulk actions", tag="h1")
                text("One command on many rows: previewed, started, watched, aborted, undone.", "muted")
            with box("panel", "section").props('aria-label="Bulk actions"'):
                self._none: Part[bool] = Part(_draw_none)
                self._rows: Rows[_Line] = Rows(_draw_row, "rows bulk")
                self._pager = Pager("bulk actions", self.refresh)

    async def refresh(self) -> None:
        """Load them again and show what changed."""
        found, halted = await access.load_for(Role.SUPPORT, _read, self._pager.start)
        if self.screen.is_deleted:
            return
        self._none.show(not found, key=not found)
        self._rows.show({each.id: (each, halted.get(each.id, "")) for each in found})
        self._pager.show(found)


def label_of(bulk: BulkAction) -> str:
    """Return what a bulk action does, in words."""
    command = COMMANDS.get(bulk.command)
    return command.label if command else bulk.command


def _draw_none(is_empty: bool) -> None:  # noqa: FBT001 - what the part shows
    if is_empty:
        how = "On Jobs, select more than 20, or filter what they are for and press “Act on all that match”."
        empty("playlist_play", "No bulk actions yet", how)


def _read(session: Session, start: int) -> tuple[Window[BulkAction], dict[UUID, str]]:
    found = bulk_actions(session, LINES, start)
    return found, halts(session, found)


def _draw_row(line: _Line) -> Callable[[_Line], None]:
    first, _ = line
    with link(f"/bulk/{first.id}", "row-line"):
        chip = state_chip(first.status.value)
        text(label_of(first), "strong")
        sentence = text("", "clip")
        text(first.actor, "clip muted")
        time_text(first.created_at, classes="muted")

    def update(line: _Line) -> None:
        now, halted = line
        set_state(chip, now.status.value)
        sentence.set_text(sentence_of(now, halted))

    return update
