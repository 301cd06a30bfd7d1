"""Bulk actions: what was done to many at once, by whom, and how far each is."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from sqlmodel import Session

from core.bulk.listing import bulk_actions, halts, prepared_actions
from core.bulk.words import sentence_of, stage_of
from core.database.window import Window
from core.errors import Invalid
from core.models import BulkAction, Role
from ui import access
from ui.components.base.box import Part, Rows, box, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.pager import Pager
from ui.components.base.state_chip import set_state, state_chip
from ui.components.base.times import time_text
from ui.components.jobs.bulk_head import label_of

LINES: Final = 50
#: Seconds between two refreshes.
REFRESH_SECONDS: Final = 2.0
#: A bulk action, and why it does not go on.
_Line = tuple[BulkAction, str]


async def draw(prepared: str = "") -> None:
    """Draw the bulk actions that were started, or those that nobody has started, and keep them fresh."""
    page = BulkPage(_is_prepared(prepared))
    await page.refresh()
    keep_ticking(page.screen, page.refresh, seconds=REFRESH_SECONDS)


class BulkPage:
    """The bulk actions, newest first."""

    def __init__(self, is_prepared: bool) -> None:  # noqa: FBT001 - which of the two lists
        self._is_prepared = is_prepared
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Bulk actions", tag="h1")
                text("One command on many jobs: previewed, started, watched, aborted, undone.", "muted")
            with box("hbox wrap").props('role=group aria-label="Which"'):
                _draw_choice("/bulk", "Started", is_this=not is_prepared)
                _draw_choice("/bulk?prepared=yes", "Prepared, not started", is_this=is_prepared)
            with box("panel", "section").props('aria-label="Bulk actions"'):
                self._none: Part[bool] = Part(lambda is_empty: _draw_none(is_empty, is_prepared))
                self._rows: Rows[_Line] = Rows(_draw_row, "rows bulk")
                self._pager = Pager("bulk actions", self.refresh)

    async def refresh(self) -> None:
        """Load them again and show what changed."""
        found, halted = await access.load_for(Role.SUPPORT, _read, self._is_prepared, self._pager.start)
        if self.screen.is_deleted:
            return
        self._none.show(not found, key=not found)
        self._rows.show({each.id: (each, halted.get(each.id, "")) for each in found})
        self._pager.show(found)


def _is_prepared(text_of_url: str) -> bool:
    if text_of_url not in ("", "yes"):
        raise Invalid("Unknown list in the URL.", {"prepared": "Use yes, or leave it out."})
    return bool(text_of_url)


def _draw_choice(href: str, label: str, *, is_this: bool) -> None:
    chosen = link(href, f"chip{' on' if is_this else ''}", label)
    if is_this:
        chosen.props["aria-current"] = "true"


def _draw_none(is_empty: bool, is_prepared: bool) -> None:  # noqa: FBT001 - what the part shows
    if is_empty and is_prepared:
        empty(
            "playlist_play",
            "None is prepared",
            "A bulk action that somebody prepares and does not start is here for a day.",
        )
    elif is_empty:
        how = "On Jobs, select more than 20, or filter what they are for and press “Act on all that match”."
        empty("playlist_play", "No bulk actions yet", how)


def _read(
    session: Session,
    is_prepared: bool,  # noqa: FBT001 - which of the two lists
    start: int,
) -> tuple[Window[BulkAction], dict[UUID, str]]:
    found = (prepared_actions if is_prepared else bulk_actions)(session, LINES, start)
    return found, halts(session, found)


def _draw_row(line: _Line) -> Callable[[_Line], None]:
    first, _ = line
    with link(f"/bulk/{first.id}", "row-line"):
        chip = state_chip(stage_of(first))
        text(label_of(first), "strong")
        sentence = text("", "clip")
        text(first.actor, "clip muted")
        time_text(first.created_at, classes="muted")

    def update(line: _Line) -> None:
        now, halted = line
        set_state(chip, stage_of(now))
        sentence.set_text(sentence_of(now, halted))

    return update
