"""Bulk actions: what was done to many at once, by whom, and how far each is."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlmodel import Session

from core.bulk.listing import bulk_actions, halts, prepared_actions, started_jobs, undone_by
from core.bulk.origin import Origin, origin
from core.bulk.words import NO_JOBS, Jobs, moving, sentence_of, stage_of, title_size
from core.database.window import Window
from core.errors import Invalid
from core.models import BulkAction, BulkStatus, Role
from ui import access
from ui.components.base.box import Part, Rows, box, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.markup import lines, set_html, words
from ui.components.base.pager import Pager
from ui.components.base.state_chip import set_state, state_chip
from ui.components.base.times import time_text
from ui.components.jobs.bulk_head import label_of, origin_words, undone_note
from ui.components.jobs.bulk_numbers import number_chips

LINES: Final = 50
#: Seconds between two refreshes.
REFRESH_SECONDS: Final = 2.0


class BulkActionLine(NamedTuple):
    """A bulk action, where its set is from, why it does not go on, the jobs that it has started, and its undo."""

    bulk: BulkAction
    origin: Origin
    halted: str
    jobs: Jobs
    undone: BulkAction | None


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
            #: What does not change any more: where a set is from, and how jobs have ended once all have.
            self._origins: dict[UUID, Origin] = {}
            self._ended: dict[tuple[UUID, datetime | None], Jobs] = {}
            with box("panel", "section").props('aria-label="Bulk actions"'):
                self._none: Part[bool] = Part(lambda is_empty: _draw_none(is_empty, is_prepared))
                self._rows: Rows[BulkActionLine] = Rows(_draw_row, "rows bulk")
                self._pager = Pager("bulk actions", self.refresh)

    async def refresh(self) -> None:
        """Load them again and show what changed."""
        found, shown = await access.load_for(Role.SUPPORT, self._read)
        if self.screen.is_deleted:
            return
        self._none.show(not found, key=not found)
        self._rows.show({line.bulk.id: line for line in shown})
        self._pager.show(found)

    def _read(self, session: Session) -> tuple[Window[BulkAction], list[BulkActionLine]]:
        found = (prepared_actions if self._is_prepared else bulk_actions)(session, LINES, self._pager.start)
        for each in found:
            if each.id not in self._origins:
                self._origins[each.id] = origin(session, each)
        ends = {each.id: (each.id, each.finished_at) for each in found}  # one that has stopped may go on, and end again
        known = {key: self._ended[end] for key, end in ends.items() if end in self._ended}
        jobs = {**started_jobs(session, [each for each in found if each.id not in known]), **known}
        over = {each.id for each in found if each.status not in (BulkStatus.READY, BulkStatus.RUNNING)}
        self._ended = {ends[key]: value for key, value in jobs.items() if key in over and not moving(value)}
        why, undone = halts(session, found), undone_by(session, found)
        return found, [
            BulkActionLine(
                each, self._origins[each.id], why.get(each.id, ""), jobs.get(each.id, NO_JOBS), undone.get(each.id)
            )
            for each in found
        ]


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


def _name(bulk: BulkAction) -> str:
    return f"{label_of(bulk)}: {title_size(bulk)}"


def _draw_row(line: BulkActionLine) -> Callable[[BulkActionLine], None]:
    bulk = line.bulk
    with box("row-line"):
        chip = state_chip(stage_of(bulk, line.jobs))
        with box("what"):
            name = link(f"/bulk/{bulk.id}", "strong", _name(bulk))
            reason = [words(f"“{bulk.reason}”")] if bulk.reason else []
            lines([*origin_words(bulk, line.origin), *reason], "of muted")
            said, undone = text(""), box("muted")
        numbers = box("numbers")
        text(bulk.actor, "clip muted who")
        time_text(bulk.began_at, classes="muted")

    def update(line: BulkActionLine) -> None:
        set_state(chip, stage_of(line.bulk, line.jobs))
        is_begun = line.bulk.looked_at > 0  # then its numbers say it
        said.set_text(line.halted or line.bulk.note if is_begun else sentence_of(line.bulk, line.halted))
        name.set_text(_name(line.bulk))
        set_html(undone, *([undone_note(line.bulk, line.undone)] if line.undone else []))
        set_html(numbers, *number_chips(line.bulk, line.jobs))

    return update
