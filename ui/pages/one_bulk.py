"""One bulk action: what is in its set, how far it is, what became of its rows, and what can be done with it."""

import time
from typing import Final
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core.bulk.listing import BulkState, bulk_state
from core.bulk.origin import Origin, origin
from core.bulk.preview import Preview, preview
from core.bulk.words import plan_of, sentence_of, stage_of
from core.models import BulkAction, BulkStatus, Role
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, keep_ticking, text
from ui.components.base.button import DANGER, PLAIN, PRIMARY, button, say
from ui.components.base.markup import lines, set_html, with_links
from ui.components.base.progress_bar import ProgressBar
from ui.components.jobs.bulk_head import draw_bulk_head, undone_note
from ui.components.jobs.bulk_numbers import number_chips
from ui.components.jobs.bulk_rows import RowsPanel, ShownRows
from ui.components.jobs.bulk_start import ask_to_start, done_and_skipped, labelled, numbers_of
from ui.pages.user import uuid_of

#: What becomes of one that nobody starts.
_LEFT_ALONE: Final = "Left alone, it does nothing and is deleted after a day."
#: What starts it, or goes on with it, by where it stands.
_START: Final = {BulkStatus.READY: "Start …", BulkStatus.STOPPED: "Go on with the rest …"}
#: Seconds between two looks while it moves, and otherwise: the jobs of a large set take a while to count.
LOOK, LOOK_AT_REST = 2.0, 10.0


async def draw(bulk_id: str, outcome: str = "") -> None:
    """Load a bulk action, draw it with its rows of one outcome, and keep it fresh."""
    page = OneBulk(uuid_of(bulk_id), outcome)
    await page.refresh()
    keep_ticking(page.screen, page.look, seconds=LOOK)


class OneBulk:
    """The parts of the page; each is redrawn only when it changed."""

    def __init__(self, bulk_id: UUID, outcome: str) -> None:
        self._bulk_id = bulk_id
        #: What a start would do as its jobs are now; None: it cannot be started.
        self._seen: Preview | None = None
        #: Read once: the set is frozen.
        self._origin: Origin | None = None
        self._is_moving, self._looked_at = False, 0.0
        self._bulk: BulkAction
        with box("screen padded") as self.screen:
            self._head: Part[tuple[BulkState, Origin]] = Part(lambda shown: draw_bulk_head(*shown))
            with box("panel", "section").props('aria-label="Progress"'), box("body vbox"):
                self._sentence = box("strong").props("role=status")
                self._plan = text("", "muted")
                self._progress = ProgressBar("Progress")
                self._numbers = box("hbox wrap")
                self._actions: Part[BulkState] = Part(self._draw_actions, "hbox wrap")
            self._preview: Part[Preview | None] = Part(_draw_preview)
            self._rows = RowsPanel(outcome, self.refresh)

    async def look(self) -> None:
        """Load it again if it moves, or was not looked at for a while."""
        if self._is_moving or time.monotonic() - self._looked_at >= LOOK_AT_REST:
            await self.refresh()

    async def refresh(self) -> None:
        """Load it again and show what changed."""
        state, self._seen, found, rows = await access.load_for(Role.SUPPORT, self._read)
        bulk = self._bulk = state.bulk
        self._origin = found
        self._is_moving = state.is_at_work or state.still_moving > 0
        self._looked_at = time.monotonic()
        if self.screen.is_deleted:
            return
        seen = self._seen if bulk.status is BulkStatus.READY else None
        stage = stage_of(bulk, state.jobs)
        self._head.show((state, found), key=(stage, bulk.status, bulk.reason, bulk.actor, bulk.job_id))
        self._say(state, seen)
        over = bulk.looked_at - state.still_moving
        self._progress.show(over, bulk.total, f"{over:,} of {bulk.total:,} over", at_work=self._is_moving)
        set_html(self._numbers, *number_chips(bulk, state.jobs))
        self._actions.show(state, key=_acts_of(state, is_in_vain=self._is_in_vain))
        self._preview.show(seen, key=seen and (tuple(seen.by_status.items()), tuple(seen.skipped.items())))
        self._rows.show(bulk, rows)

    def _say(self, state: BulkState, seen: Preview | None) -> None:
        bulk = state.bulk
        said = [sentence_of(bulk, state.halted, state.jobs), done_and_skipped(seen, bulk.total) if seen else ""]
        set_html(self._sentence, with_links(" ".join(filter(None, said))))
        plan = "Nothing is left to do." if self._is_in_vain else plan_of(bulk, seen.to_do if seen else None)
        self._plan.set_text(" ".join(filter(None, [plan, _LEFT_ALONE if seen else ""])))

    @property
    def _is_in_vain(self) -> bool:
        return self._seen is not None and self._seen.is_in_vain

    def _read(self, session: Session) -> tuple[BulkState, Preview | None, Origin, ShownRows]:
        state = bulk_state(session, self._bulk_id)
        seen = preview(session, state.bulk) if state.can_start else None
        return state, seen, self._origin or origin(session, state.bulk), self._rows.read(session, state.bulk)

    def _draw_actions(self, state: BulkState) -> None:
        if state.can_start and not self._is_in_vain:
            button(_START.get(state.bulk.status, "Go on …"), self._ask_to_start, look=PRIMARY)
        if not state.is_over:
            is_new = state.bulk.status is BulkStatus.READY
            button("Discard" if is_new else "Abort", self._abort, look=PLAIN if is_new else DANGER)
        if state.can_undo:
            button("Undo …", lambda: self._prepare("bulk.undo"), look=PLAIN)
        elif state.is_too_late:
            which = "The rest" if state.undone else "It"
            text(f"{which} can no longer be undone: its jobs have ended.", "muted")
        if state.undone:
            lines([undone_note(state.bulk, state.undone)], "hbox")
        if state.is_over and (state.bulk.failed or state.jobs.get("failed")):
            button("Retry the failed ones …", lambda: self._prepare("bulk.repeat"), look=PLAIN)

    async def _ask_to_start(self) -> None:
        await self.refresh()  # jobs may have ended since
        if self._seen and not self._seen.is_in_vain:
            ask_to_start(self._bulk, self._seen, self.refresh)

    async def _abort(self) -> None:
        await access.perform("bulk.abort", self._bulk_id)
        await self.refresh()

    async def _prepare(self, command: str) -> None:
        answer = await access.perform(command, self._bulk_id)
        applied = self._bulk.applied
        if command == "bulk.undo" and applied > answer["count"]:
            left = counted(applied - answer["count"], "job")
            say(f"{left} of {applied:,} cannot be taken back: they have ended.")
        ui.navigate.to(f"/bulk/{answer['id']}")


def _acts_of(state: BulkState, *, is_in_vain: bool) -> tuple[object, ...]:
    """Return what its buttons follow from."""
    undone = state.undone and (state.undone.id, state.undone.status, state.undone.applied)
    can = state.can_start, is_in_vain, state.can_undo, state.is_too_late, undone
    return state.bulk.status, *can, "failed" in state.jobs


def _draw_preview(seen: Preview | None) -> None:
    if seen is None:
        return
    with box("panel", "section").props('aria-label="What is in it"'):
        with box("title"):
            text("What is in it", tag="h2")
            text("fixed when it was prepared: later jobs are not touched", "muted")
        with box("body vbox"):
            if seen.by_status:
                text(f"{numbers_of(seen.by_status)}, of {counted(seen.users, 'user')}, when it was prepared")
                text(numbers_of(labelled(seen.by_kind)), "muted").tooltip(", ".join(seen.by_kind))
            else:
                text("Named one by one; each is looked at when it is its turn.")
            if seen.skipped:
                text("Skipped, because:")
            for why, number in seen.skipped.items():
                text(f"{number:,}×  {why}", "muted")
