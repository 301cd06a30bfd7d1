"""The creator's dashboard: interactions of the last 90 days, their own and generated ones apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core import clock
from core.demo import rows
from core.demo.metrics import Metrics, metrics_of
from core.diagnosis.customer import DemoState, demo_state
from core.diagnosis.situation import Situation
from core.jobs.labels import AT_WORK, Label
from core.models import DemoModeStatus
from core.operation import Operation
from core.operations import operation_during
from core.operations.demo import demo_mode
from core.wording import counted
from ui import access, design
from ui.components.base.box import Part, box, keep_fresh, keep_ticking, link, text
from ui.components.base.chart import day_chart
from ui.components.base.empty import empty
from ui.components.base.markup import words
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.state_chip import chip_of, set_pressed
from ui.components.base.times import time_text
from ui.components.demo.announcer import Announcer
from ui.components.demo.demo_strip import DemoStrip
from ui.components.demo.demo_words import (
    STOPPED,
    UNSETTLED,
    failure_words,
    is_cleaning_up,
    is_stopped,
    planned_operation,
    platform_words,
)

_TONES: Final = {"positive": design.OK, "neutral": design.IDLE, "negative": design.BAD}


class Side(StrEnum):
    """Whose interactions are counted."""

    DEMO = "Demo"
    MINE = "Mine"


async def draw() -> None:
    """Load the creator's figures, draw them, and keep them fresh."""
    text("Dashboard", tag="h1")
    await Dashboard().begin()


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows, of one moment; `figures` is None while they are those of the last look."""

    state: DemoState
    has_rows: bool
    figures: Mapping[Side, Metrics] | None


class Dashboard:
    """The strip, the banner and the figures of one creator."""

    def __init__(self) -> None:
        self._user_id = access.whose()
        self._announcer = Announcer()
        self._strip = DemoStrip("/settings/demo-mode", "Demo mode settings")
        self._banner: Part[DemoState] = Part(self._draw_banner, "part")
        self._figures = Figures()
        self._progress: ProgressBar | None = None
        self._operation: Operation[Any, Any] | None = None
        self._words: ui.label | None = None
        self._situation = Situation.FINE
        self._counted: DemoModeStatus | None = None

    async def begin(self) -> None:
        """Show the state and the figures now, and after every change."""
        await self.refresh()
        keep_fresh(self._banner.box, self.refresh, user_id=self._user_id)
        keep_ticking(self._banner.box, self._tick)

    async def _tick(self) -> None:
        """Look again while the state is not at rest: without a worker, there is no commit that would tell."""
        if self._situation in UNSETTLED:
            await self.refresh()

    async def refresh(self) -> None:
        """Load the state, and the figures when the state has changed, since only then they differ."""
        view = await access.load(_read, self._user_id, self._counted)
        if self._banner.box.is_deleted:
            return
        state, self._counted, self._situation = view.state, view.state.status, view.state.situation
        self._strip.show(state, has_rows=view.has_rows)
        shown = (state.status, state.kind, state.label, state.error, state.job_id, state.run_at, is_stopped(state))
        self._banner.show(state, key=shown)
        if self._words and self._operation:
            self._words.set_text(_doing(self._operation, state))
        if self._progress:
            self._progress.show(state.done, state.total, state.message, at_work=state.label in AT_WORK)
        if view.figures is not None:
            self._figures.show(state, view.figures)
        self._announcer.show(state)

    def _draw_banner(self, state: DemoState) -> None:
        self._progress = self._words = None
        operation = operation_during(demo_mode, state.status)
        if planned := planned_operation(state):
            _draw_planned(planned.label, state)
        elif operation:
            self._draw_transition(operation, state)
        elif state.status is DemoModeStatus.FAILED:
            _draw_failed(state)

    def _draw_transition(self, operation: Operation[Any, Any], state: DemoState) -> None:
        """Show what the running operation does, and what it means for the figures."""
        has_stopped = is_stopped(state)
        with box(f"banner plain {design.BAD if has_stopped else design.RUN}"):
            ui.icon("error" if has_stopped else "autorenew").props("aria-hidden=true")
            with box("words"):
                text(STOPPED if has_stopped else operation.doing, tag="strong")
                self._operation, self._words = operation, text(_doing(operation, state))
            link("/settings/demo-mode", label="Show details")
            self._progress = None if has_stopped else ProgressBar(operation.doing)


def _doing(operation: Operation[Any, Any], state: DemoState) -> str:
    if state.situation is not Situation.MOVING:
        return state.sentence
    if operation.target == DemoModeStatus.ENABLED:
        return "The generated figures will appear here when it is done."
    return "The generated data is being deleted. Your own stays."


def _draw_planned(label: str, state: DemoState) -> None:
    with box(f"banner plain {design.IDLE}"):
        ui.icon("schedule").props("aria-hidden=true")
        with box("words"):
            text(label, tag="strong")
            text("Planned for " if state.label is Label.SCHEDULED else "Waiting to start since ")
            time_text(state.run_at, "clock")
        link("/settings/demo-mode", label="Show or cancel")


def _draw_failed(state: DemoState) -> None:
    """Show the error and link to Retry and Dismiss; while Dismiss is at work, say so."""
    with box("banner bad").props("role=alert"):
        ui.icon("error").props("aria-hidden=true")
        with box("words"):
            text("Demo mode failed", tag="strong")
            text("It is being cleaned up." if is_cleaning_up(state) else failure_words(state))
        help_ = "Retry or dismiss" if state.can_retry else "What you can do"
        link("/settings/demo-mode", label="Show details" if is_cleaning_up(state) else help_)


def _read(session: Session, user_id: UUID, counted: DemoModeStatus | None) -> View:
    """Read the state and, unless it is still the one in which they were counted, the figures, at one moment."""
    state, has_rows = demo_state(session, user_id), rows.has_any(session, user_id)
    if state.status == counted:
        return View(state, has_rows, None)
    # Generated figures are shown once they are complete, and no longer once they are being deleted.
    sides = [Side.DEMO, Side.MINE] if has_rows and state.status is DemoModeStatus.ENABLED else [Side.MINE]
    today = clock.now().date()
    figures = {side: metrics_of(session, user_id, today, generated=side is Side.DEMO) for side in sides}
    return View(state, has_rows, figures)


class Figures:
    """The figures: the creator's own or, on the other side of a switch, the generated ones; never both in one."""

    def __init__(self) -> None:
        self._switch: Part[Mapping[Side, Metrics]] = Part(self._draw_switch, "part")
        self._side_shown: Part[Metrics] = Part(self._draw_side, "part")
        self._chips: dict[Side, ui.element] = {}
        self._figures: Mapping[Side, Metrics] = {}
        self._side, self._state = Side.MINE, DemoModeStatus.DISABLED

    def show(self, state: DemoState, figures: Mapping[Side, Metrics]) -> None:
        """Show the figures; generated ones first, when they are new."""
        is_new = Side.DEMO in figures and Side.DEMO not in self._figures
        self._figures, self._state = figures, state.status
        self._side = Side.DEMO if is_new or (self._side in figures and self._side is Side.DEMO) else Side.MINE
        self._switch.show(figures, key=tuple(figures))
        self._choose(self._side)

    def _choose(self, side: Side) -> None:
        self._side = side
        for each, chip in self._chips.items():
            set_pressed(chip, each is side)
        metrics = self._figures[side]
        self._side_shown.show(metrics, key=(side, metrics.total, self._state))

    def _draw_switch(self, figures: Mapping[Side, Metrics]) -> None:
        self._chips = {}
        if len(figures) > 1:
            with box("sides").props('role=group aria-label="Figures"'):
                for side in figures:
                    self._chips[side] = chip_of(words(side)).on("click", partial(self._choose, side))

    def _draw_side(self, metrics: Metrics) -> None:
        if metrics.total:
            _draw_figures(metrics, design.DEMO if self._side is Side.DEMO else design.RUN)
        else:
            _draw_invitation(self._state)


def _draw_figures(metrics: Metrics, tone: str) -> None:
    with box("tiles"):
        _tile(f"{metrics.total:,}", "interactions in 90 days")
        _tile(f"{sum(list(metrics.by_day.values())[-7:]):,}", "in the last 7 days")
        positive = metrics.by_sentiment.get("positive", 0)
        _tile(f"{round(100 * positive / metrics.total)} %", "positive")
        _tile(str(len(metrics.by_platform)), "platforms" if len(metrics.by_platform) != 1 else "platform")
    with box("card-big"):
        text("Interactions per day", tag="h2")
        day_chart(metrics.by_day, "Interactions per day", tone)
    with box("trio"):
        _bars("By platform", metrics.by_platform, metrics.total, tone)
        _bars("By kind", metrics.by_kind, metrics.total, tone)
        _bars("By sentiment", metrics.by_sentiment, metrics.total, tone)


def _draw_invitation(status: DemoModeStatus) -> None:
    hint = "Connect a platform, or try it out with a generated creator's comments and messages."
    with box("card-big"):
        if status is not DemoModeStatus.DISABLED:
            empty("insights", "No interactions of your own yet", "Connect a platform to see your own.", heading="h2")
            return
        with empty("insights", "No interactions yet", hint, heading="h2"):
            go = ui.button("Try demo mode", color=None).classes("btn primary")
            go.props("unelevated no-caps href=/settings/demo-mode")


def _tile(figure: str, label: str) -> None:
    with box("tile"):
        text(figure, "figure")
        text(label, "label")


def _bars(title: str, parts: Mapping[str, int], total: int, tone: str) -> None:
    with box("card-big"):
        text(title, tag="h2")
        with box("bars", "dl"):
            for name, count in parts.items():
                with box(_TONES.get(name, tone)):
                    text(platform_words(name), tag="dt")
                    text(f"{count:,} · {round(100 * count / total)} %", tag="dd").props(
                        f'aria-label="{counted(count, "interaction")}"'
                    )
                    with box("track").props("aria-hidden=true"):
                        box(tag="i").style(f"width: {100 * count / total:.1f}%")
