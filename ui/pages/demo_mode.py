"""The creator's own page for demo mode: choose a preset, follow the progress, cancel, retry, turn it off."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core.demo import rows
from core.diagnosis.customer import DemoState, demo_state, owner_after_check
from core.diagnosis.service_check import ServiceCheck
from core.diagnosis.situation import Situation
from core.jobs.labels import AT_WORK, TERMINAL_WORDS, Label
from core.models import DemoModeStatus
from core.operation import Operation
from core.operations import demo, operation_during
from ui import access, design
from ui.components.base.box import Part, box, keep_fresh, keep_ticking, text
from ui.components.base.button import DANGER, PLAIN, PRIMARY, button, say
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.times import time_text
from ui.components.demo.announcer import Announcer
from ui.components.demo.demo_strip import DemoStrip
from ui.components.demo.demo_words import (
    STOPPED,
    UNSETTLED,
    deleted_lately,
    failure_words,
    is_cleaning_up,
    is_stopped,
    planned_operation,
    strip_words_beside_sentence,
)
from ui.components.demo.preset_cards import PresetCards
from ui.components.jobs.operation_button import agreed
from ui.service_checks import service_checks


async def draw() -> None:
    """Load the creator's demo mode, draw it, and keep it fresh."""
    text("Demo mode", tag="h1")
    text(
        "Fill your account with a realistic creator's comments and messages, and try everything out. "
        "Your own data stays untouched, and you can turn it off at any time.",
        "lead",
        tag="p",
    )
    await DemoCard().begin()


class DemoCard:
    """The demo mode of one creator, in any state."""

    def __init__(self) -> None:
        self._user_id = access.whose()
        self._announcer = Announcer()
        self._strip = DemoStrip("/dashboard", "Open the dashboard", strip_words_beside_sentence)
        self._part: Part[DemoState] = Part(self._draw, "part")
        self._progress: ProgressBar | None = None
        self._message: ui.label | None = None
        self._sentence: ui.label | None = None
        self._effect: ui.label | None = None
        self._last: DemoState | None = None
        self._check: ServiceCheck | None = None

    async def begin(self) -> None:
        """Show the state now and after every change."""
        await self.refresh()
        keep_fresh(self._part.box, self.refresh, user_id=self._user_id)
        keep_ticking(self._part.box, self._tick)

    async def refresh(self) -> None:
        """Load the state and show what changed."""
        state, has_rows = await access.load(_read, self._user_id)
        if self._part.box.is_deleted:
            return
        state = owner_after_check(state, self._check)
        self._strip.show(state, has_rows=has_rows)
        at_rest = state.situation, bool(state.cancel)
        self._part.show(
            state, key=(state.status, state.label, state.job_id, state.error, state.run_at, state.obstacle, *at_rest)
        )
        self._show_progress(state)
        self._announcer.show(state)
        self._last = state

    async def _tick(self) -> None:
        """Look again while the state is not at rest: without a worker, there is no commit that would tell.

        The service that refused something for good is asked whether it is mended.
        """
        if self._last and self._last.if_mended:
            self._check = await service_checks.now(self._last.service)
            if bool(self._check and not self._check.fault) != self._last.can_retry:
                await self.refresh()
            return
        if self._last and self._last.situation in UNSETTLED:
            await self.refresh()

    def _show_progress(self, state: DemoState) -> None:
        if self._progress and self._message:
            self._progress.show(state.done, state.total, state.message, at_work=state.label in AT_WORK)
            self._message.set_text(state.message)
        if self._sentence:
            self._sentence.set_text(state.sentence)
        if self._effect and state.cancel:
            self._effect.set_text(f"{state.cancel.label}: {state.cancel.effect}")

    def _draw(self, state: DemoState) -> None:
        self._progress = self._message = self._sentence = self._effect = None
        if planned := planned_operation(state):
            self.draw_planned(planned, state)
        elif operation := operation_during(demo.demo_mode, state.status):
            self.draw_transition(operation, state)
        else:
            if state.situation is Situation.STUCK:
                with box("banner bad").props("role=alert"):
                    ui.icon("error").props("aria-hidden=true")
                    text(state.sentence, "words")
            _SETTLED_DRAWINGS.get(state.status, DemoCard.draw_unknown)(self, state)

    def draw_disabled(self, state: DemoState) -> None:
        """Offer the presets."""
        if message := deleted_lately(state):
            with box(f"banner plain {design.OK}"):
                ui.icon("check_circle").props("aria-hidden=true")
                text(message, "words")
        text("Choose a creator to try", tag="h2")
        self._draw_presets(demo.enable, state, PRIMARY)

    def _draw_presets(self, operation: Operation[Any, Any], state: DemoState, look: str) -> None:
        cards = PresetCards(state.preset)

        async def start() -> None:
            if operation is demo.switch and cards.chosen == state.preset:
                say("This is the creator that you have now. Choose another one.")
            elif await agreed(operation):
                told = {"email_when_ready": True} if tell.value else {}
                await self._do(operation.name, {"preset": cards.chosen, **told})

        with box("actions"):
            button(operation.label, start, look=look, icon="auto_awesome")
            tell = ui.checkbox("E-mail me when it is ready").classes("tell")

    def draw_planned(self, operation: Operation[Any, Any], state: DemoState) -> None:
        """Say what is planned, and offer to cancel it: until then, everything stays as it is."""
        with box("card-big"):
            self._heading("schedule", operation.label, design.IDLE)
            with box("lead", "p"):
                text("It is planned to start " if state.label is Label.SCHEDULED else "It is waiting to start since ")
                time_text(state.run_at, "clock")
                text((f", but {state.obstacle}" if state.obstacle else "") + ". Until then, everything stays as it is.")
            self._draw_cancel(state)

    def draw_transition(self, operation: Operation[Any, Any], state: DemoState) -> None:
        """Show the running operation, and offer Cancel where that leaves nothing half done."""
        with box("card-big"):
            if is_stopped(state):
                self._heading("error", STOPPED, design.BAD)
            else:
                self._heading("autorenew", operation.doing)
            if state.job_id and state.label not in TERMINAL_WORDS:
                self._draw_progress(operation.doing, state)
            else:
                self._sentence = text(state.sentence, "lead", tag="p")
            if operation.target == DemoModeStatus.ENABLED or state.label is Label.QUEUED:
                self._draw_cancel(state)

    def draw_unknown(self, state: DemoState) -> None:
        """Say that another release has written the state."""
        with box("banner bad").props("role=alert"):
            ui.icon("error").props("aria-hidden=true")
            text(f"Demo mode is in a state that this version does not know: {state.status}.", "words")

    def draw_enabled(self, state: DemoState) -> None:
        """Offer to switch the creator or to turn demo mode off; the strip says that it is on."""
        text("Try another creator", tag="h2")
        self._draw_presets(demo.switch, state, PLAIN)
        with box("card-big"):
            text("Finished trying it out?", tag="h2")
            text("This deletes everything that was generated. Your own data stays.", "lead", tag="p")
            with box("actions"):
                button(demo.disable.label, self._disable, look=DANGER)

    def draw_failed(self, state: DemoState) -> None:
        """Show the error and offer Retry and Dismiss, or show the progress of cleaning up."""
        if is_cleaning_up(state):
            with box("card-big"):
                self._heading("autorenew", demo.dismiss.doing)
                self._draw_progress(demo.dismiss.doing, state)
            return
        with box("banner bad").props("role=alert"):
            ui.icon("error").props("aria-hidden=true")
            with box("words"):
                text("Demo mode failed", tag="strong")
                text(failure_words(state))
            with box("actions"):
                if state.can_retry:
                    button("Retry", lambda: self._retry(state), look=PRIMARY)
                button(demo.dismiss.label, self._dismiss, look=PLAIN)
        retry = "Retry tries the same again. " if state.label is Label.FAILED else "Retry enables demo mode again. "
        retry = retry if state.can_retry else ""
        text(f"{retry}Dismiss cleans up and takes you back to the start.", "lead", tag="p")

    def _heading(self, icon: str, title: str, tone: str = design.RUN) -> None:
        with box(f"headword {tone}"):
            ui.icon(icon).props("aria-hidden=true")
            text(title, tag="h2")

    def _draw_progress(self, name: str, state: DemoState) -> None:
        self._progress = ProgressBar(name)
        self._message = text(state.message, "strong")
        self._sentence = text(state.sentence, "lead", tag="p")

    def _draw_cancel(self, state: DemoState) -> None:
        if state.cancel and (job_id := state.job_id):
            with box("actions"):
                button(state.cancel.label, lambda: self._cancel(job_id), look=PLAIN)
            self._effect = text(f"{state.cancel.label}: {state.cancel.effect}", "muted", tag="p")

    async def _do(self, command: str, args: Mapping[str, Any]) -> None:
        await access.perform(command, self._user_id, args)
        await self.refresh()

    async def _cancel(self, job_id: UUID) -> None:
        answer = await access.perform("job.cancel", job_id)
        if answer["stopping"]:
            say("It was asked to stop before." if answer["already"] else "It is stopping; this takes a moment.")
        await self.refresh()

    async def _disable(self) -> None:
        if await agreed(demo.disable):
            await self._do(demo.disable.name, {})

    async def _dismiss(self) -> None:
        if await agreed(demo.dismiss):
            await self._do(demo.dismiss.name, {})

    async def _retry(self, state: DemoState) -> None:
        if state.job_id and state.label is Label.FAILED:
            await access.perform("job.retry", state.job_id)
            await self.refresh()
        else:
            await self._do(demo.enable.name, {"preset": state.preset} if state.preset else {})


def _read(session: Session, user_id: UUID) -> tuple[DemoState, bool]:
    """Return the state, and whether generated rows exist, at one moment."""
    return demo_state(session, user_id), rows.has_any(session, user_id)


#: What the page shows in each state that is not transitional.
_SETTLED_DRAWINGS: Final[Mapping[DemoModeStatus, Callable[[DemoCard, DemoState], None]]] = {
    DemoModeStatus.DISABLED: DemoCard.draw_disabled,
    DemoModeStatus.ENABLED: DemoCard.draw_enabled,
    DemoModeStatus.FAILED: DemoCard.draw_failed,
}
