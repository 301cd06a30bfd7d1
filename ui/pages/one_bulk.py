"""One bulk action: what is in its set, how far it is, what became of its rows, and what can be done with it."""

import time
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core.bulk.acts import RETRIES, starts_jobs
from core.bulk.control import UNCOUNTED, StartForm
from core.bulk.listing import BulkState, bulk_state
from core.bulk.origin import Origin, origin
from core.bulk.preview import Preview, preview
from core.bulk.words import plan_of, sentence_of, stage_of
from core.commands.registry import COMMANDS
from core.errors import Invalid
from core.models import BulkStatus, Role
from core.models.bulk import noun_of
from core.wording import counted
from ui import access
from ui.components.base.asking import retrying_needs_reason
from ui.components.base.box import Part, box, keep_ticking, text
from ui.components.base.button import DANGER, PLAIN, PRIMARY, button, say
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import set_html
from ui.components.base.open_form import Act, open_form
from ui.components.base.progress_bar import ProgressBar
from ui.components.jobs.bulk_head import draw_bulk_head, label_of
from ui.components.jobs.bulk_numbers import number_chips
from ui.components.jobs.bulk_rows import RowsPanel, ShownRows
from ui.pages.user import uuid_of

#: What becomes of one that nobody starts.
_LEFT_ALONE: Final = "Left alone, it does nothing and is deleted after a day."
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
        #: Read once: the set is frozen, and reading it takes a while.
        self._seen: Preview | None = None
        self._origin: Origin | None = None
        self._is_moving, self._looked_at = False, 0.0
        self._applied = 0
        with box("screen padded") as self.screen:
            self._head: Part[tuple[BulkState, Origin]] = Part(lambda shown: draw_bulk_head(*shown))
            with box("panel", "section").props('aria-label="Progress"'), box("body vbox"):
                self._sentence = text("", "strong").props("role=status")
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
        state, rows = await access.load_for(Role.SUPPORT, self._read)
        bulk = state.bulk
        self._applied = bulk.applied
        self._is_moving = state.is_at_work or state.still_moving > 0
        self._looked_at = time.monotonic()
        if self._seen is None and bulk.status is BulkStatus.READY:
            self._seen = await access.load_for(Role.SUPPORT, preview, bulk)
        if self._origin is None:
            self._origin = await access.load_for(Role.SUPPORT, origin, bulk)
        if self.screen.is_deleted:
            return
        seen = self._seen if bulk.status is BulkStatus.READY else None
        stage = stage_of(bulk, state.jobs)
        self._head.show((state, self._origin), key=(stage, bulk.status, bulk.reason, bulk.actor, bulk.job_id))
        is_in_vain = seen is not None and seen.is_in_vain
        said = [sentence_of(bulk, state.halted, state.jobs), _skipped(seen, bulk.total)]
        self._sentence.set_text(" ".join(filter(None, said)))
        plan = "Nothing is left to do." if is_in_vain else plan_of(bulk)
        self._plan.set_text(" ".join(filter(None, [plan, _LEFT_ALONE if seen else ""])))
        over = bulk.looked_at - state.still_moving
        self._progress.show(over, bulk.total, f"{over:,} of {bulk.total:,} over", at_work=self._is_moving)
        set_html(self._numbers, *number_chips(bulk, state.jobs))
        self._actions.show(state, key=_acts_of(state, is_in_vain))
        self._preview.show(seen, key=seen and (tuple(seen.by_status.items()), tuple(seen.skipped.items())))
        self._rows.show(bulk, rows)

    def _read(self, session: Session) -> tuple[BulkState, ShownRows]:
        state = bulk_state(session, self._bulk_id)
        return state, self._rows.read(session, state.bulk)

    def _draw_actions(self, state: BulkState) -> None:
        if state.can_start and not (self._seen and self._seen.is_in_vain):
            is_new = state.bulk.status is BulkStatus.READY
            button("Start …" if is_new else "Go on …", lambda: self._ask_to_start(state), look=PRIMARY)
        if not state.is_over:
            is_new = state.bulk.status is BulkStatus.READY
            button("Discard" if is_new else "Abort", self._abort, look=PLAIN if is_new else DANGER)
        if state.can_undo:
            button("Undo …", lambda: self._prepare("bulk.undo"), look=PLAIN)
        elif state.is_too_late:
            text("It can no longer be undone: its jobs have ended.", "muted")
        if state.is_over and (state.bulk.failed or state.jobs.get("failed")):
            button("Retry the failed ones …", lambda: self._prepare("bulk.repeat"), look=PLAIN)

    def _ask_to_start(self, state: BulkState) -> None:
        is_new, left = state.bulk.status is BulkStatus.READY, state.bulk.total - state.bulk.looked_at
        to_do = self._seen.to_do if self._seen and is_new else left
        those = counted(to_do, noun_of(state.bulk.command))
        command, kinds = COMMANDS.get(state.bulk.command), self._seen.by_kind if self._seen else ()
        is_retry = state.bulk.command in RETRIES
        needs_reason = not state.bulk.reason and bool(
            (command and command.needs_reason) or (is_retry and any(map(retrying_needs_reason, kinds)))
        )

        def draw() -> Act:
            without = [] if to_do > UNCOUNTED else ["count"]
            without += [] if starts_jobs(state.bulk.command) else ["canary", "canary_percent"]
            form = ModelForm(StartForm, given={"canary": state.bulk.canary}, without=without)
            if said := _skipped(self._seen, state.bulk.total):
                text(said, "strong", tag="p")
            reason = ReasonField(needed=needs_reason)

            async def start() -> None:
                if not reason.is_enough():
                    raise Invalid("Give a reason.", {"reason": "Say why in a few words."})
                await access.perform("bulk.start", self._bulk_id, form.values(), reason=reason.value)
                say("Started.")
                await self.refresh()

            return start

        open_form(f"{label_of(state.bulk)}: {those}", "Start", draw)

    async def _abort(self) -> None:
        await access.perform("bulk.abort", self._bulk_id)
        await self.refresh()

    async def _prepare(self, command: str) -> None:
        answer = await access.perform(command, self._bulk_id)
        if command == "bulk.undo" and self._applied > answer["count"]:
            left = counted(self._applied - answer["count"], "job")
            say(f"{left} of {self._applied:,} cannot be taken back: they have ended.")
        ui.navigate.to(f"/bulk/{answer['id']}")


def _acts_of(state: BulkState, is_in_vain: bool) -> tuple[object, ...]:  # noqa: FBT001 - a part of a key
    """Return what its buttons follow from."""
    return state.bulk.status, state.can_start, is_in_vain, state.can_undo, state.is_too_late, "failed" in state.jobs


def _skipped(seen: Preview | None, total: int) -> str:
    """Return how many would be done and skipped; empty where that is not known beforehand."""
    if seen is None or not seen.looked_at:
        return ""
    of = f"Of the first {seen.looked_at:,}, " if seen.looked_at < total else ""
    kinds = f" ({_numbers(_labelled(seen.done_by_kind))})" if seen.done_by_kind else ""
    return f"{of}{seen.done:,} would be done{kinds} and {seen.looked_at - seen.done:,} skipped."


def _draw_preview(seen: Preview | None) -> None:
    if seen is None:
        return
    with box("panel", "section").props('aria-label="What is in it"'):
        with box("title"):
            text("What is in it", tag="h2")
            text("fixed when it was prepared: later jobs are not touched", "muted")
        with box("body vbox"):
            if seen.by_status:
                text(f"{_numbers(seen.by_status)}, of {counted(seen.users, 'user')}")
                text(_numbers(_labelled(seen.by_kind)), "muted").tooltip(", ".join(seen.by_kind))
            else:
                text("Named one by one; each is looked at when it is its turn.")
            if seen.skipped:
                text("Skipped, because:")
            for why, number in seen.skipped.items():
                text(f"{number:,}×  {why}", "muted")


def _labelled(kinds: Mapping[str, int]) -> dict[str, int]:
    return {kind_label(kind): number for kind, number in kinds.items()}


def _numbers(of: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in of.items())
