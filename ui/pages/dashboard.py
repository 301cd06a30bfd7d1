"""The creator's dashboard: interactions of the last 90 days, under a banner that marks generated ones."""

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core import clock
from core.demo.metrics import Metrics, metrics_of
from core.diagnosis.customer import DemoState, demo_state
from core.jobs.labels import Label
from core.models import DemoModeStatus
from core.operations import operation_during
from core.operations.demo import demo_mode
from core.wording import counted
from ui import access, design
from ui.components.base.box import Part, box, keep_fresh, link, text
from ui.components.base.button import say
from ui.components.base.chart import day_chart
from ui.components.base.empty import empty
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.times import time_text
from ui.components.demo.demo_words import completion, platform_words, preset_words

_TONES: Final = {"positive": design.OK, "neutral": design.IDLE, "negative": design.BAD}


async def draw() -> None:
    """Load the creator's figures, draw them, and keep them fresh."""
    text("Dashboard", tag="h1")
    await Dashboard().begin()


class Dashboard:
    """The banner and the figures of one creator."""

    def __init__(self) -> None:
        actor_id = access.me().id
        assert actor_id is not None, "pages are opened by people"
        self._user_id = actor_id
        self._voice = text("", "hidden-visually").props("role=status aria-live=polite")
        self._banner: Part[DemoState] = Part(self._draw_banner, "part")
        self._figures: Part[tuple[DemoState, Metrics]] = Part(_draw_figures, "part")
        self._progress: ProgressBar | None = None
        self._last: DemoState | None = None

    async def begin(self) -> None:
        """Show the state and the figures now, and after every change."""
        await self.refresh()
        keep_fresh(self._banner.box, self.refresh, user_id=self._user_id)

    async def refresh(self) -> None:
        """Load the state, and the figures when the state has changed, since only then they differ."""
        state = await access.load(demo_state, self._user_id)
        key = (state.status, state.label, state.error, state.job_id, state.run_at)
        self._banner.show(state, key=key)
        if self._progress:
            self._progress.show(state.done, state.total, state.message)
        last, self._last = self._last, state
        if last is None or last.status is not state.status:
            metrics = await access.load(_metrics, self._user_id)
            self._figures.show((state, metrics), key=(metrics.total, state.status))
        if last and (message := completion(last, state)):
            say(message)
            self._voice.set_text(message)

    def _draw_banner(self, state: DemoState) -> None:
        self._progress = None
        if operation := operation_during(demo_mode, state.status):
            self.banner_transition(operation.doing, state)
        else:
            _SETTLED_BANNERS.get(state.status, Dashboard.banner_disabled)(self, state)

    def banner_disabled(self, state: DemoState) -> None:
        """Draw no banner: the figures are the creator's own."""

    def banner_enabled(self, state: DemoState) -> None:
        """Say that the figures are not real."""
        with box("banner demo"):
            ui.icon("auto_awesome").props("aria-hidden=true")
            with box("words"):
                text("Demo mode active", tag="strong")
                text(f"You see generated figures{preset_words(state)} together with your own.")
            link("/settings/demo-mode", label="Demo mode settings")

    def banner_transition(self, doing: str, state: DemoState) -> None:
        """Show what the running operation does."""
        with box(f"banner plain {design.RUN}"):
            ui.icon("autorenew").props("aria-hidden=true")
            with box("words"):
                text(doing, tag="strong")
                if state.label is Label.SCHEDULED:
                    text("Planned for ")
                    time_text(state.run_at, "clock")
                else:
                    text("Your new figures will appear here when it is done.")
            link("/settings/demo-mode", label="Show details")
            if state.label is not Label.SCHEDULED:
                self._progress = ProgressBar(doing)

    def banner_failed(self, state: DemoState) -> None:
        """Show the error and link to Retry and Dismiss."""
        with box("banner bad").props("role=alert"):
            ui.icon("error").props("aria-hidden=true")
            with box("words"):
                text("Demo mode failed", tag="strong")
                text(state.error or state.sentence)
            link("/settings/demo-mode", label="Retry or dismiss" if state.can_retry else "What you can do")


def _metrics(session: Session, user_id: UUID) -> Metrics:
    return metrics_of(session, user_id, clock.now().date())


def _draw_figures(shown: tuple[DemoState, Metrics]) -> None:
    state, metrics = shown
    if metrics.total == 0:
        _draw_invitation(state)
        return
    with box("tiles"):
        _tile(f"{metrics.total:,}", "interactions in 90 days")
        _tile(f"{sum(list(metrics.by_day.values())[-7:]):,}", "in the last 7 days")
        positive = metrics.by_sentiment.get("positive", 0)
        _tile(f"{round(100 * positive / metrics.total)} %", "positive")
        _tile(str(len(metrics.by_platform)), "platforms" if len(metrics.by_platform) != 1 else "platform")
    with box("card-big"):
        text("Interactions per day", tag="h2")
        day_chart(metrics.by_day, "Interactions per day")
    with box("trio"):
        _bars("By platform", metrics.by_platform, metrics.total)
        _bars("By kind", metrics.by_kind, metrics.total)
        _bars("By sentiment", metrics.by_sentiment, metrics.total)


def _draw_invitation(state: DemoState) -> None:
    with box("card-big"):
        if state.status is not DemoModeStatus.DISABLED:
            empty("hourglass_empty", "No figures yet", "They will appear here automatically.", heading="h2")
            return
        with empty(
            "insights",
            "No interactions yet",
            "Connect a platform, or try it out with a generated creator's comments and messages.",
            heading="h2",
        ):
            go = ui.button("Try demo mode", color=None).classes("btn primary")
            go.props("unelevated no-caps href=/settings/demo-mode")


def _tile(figure: str, label: str) -> None:
    with box("tile"):
        text(figure, "figure")
        text(label, "label")


def _bars(title: str, parts: Mapping[str, int], total: int) -> None:
    with box("card-big"):
        text(title, tag="h2")
        with box("bars", "dl"):
            for name, count in parts.items():
                with box(_TONES.get(name, design.RUN)):
                    text(platform_words(name), tag="dt")
                    text(f"{count:,} · {round(100 * count / total)} %", tag="dd").props(
                        f'aria-label="{counted(count, "interaction")}"'
                    )
                    with box("track").props("aria-hidden=true"):
                        box(tag="i").style(f"width: {100 * count / total:.1f}%")


#: The banner of each state that is not transitional.
_SETTLED_BANNERS: Final[Mapping[DemoModeStatus, Callable[[Dashboard, DemoState], None]]] = {
    DemoModeStatus.DISABLED: Dashboard.banner_disabled,
    DemoModeStatus.ENABLED: Dashboard.banner_enabled,
    DemoModeStatus.FAILED: Dashboard.banner_failed,
}
