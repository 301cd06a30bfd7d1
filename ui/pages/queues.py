"""Queues and kinds: figures, pauses with their reasons, limits, and the buttons that change them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui

from core import clock
from core.analytics.figures import JobFigures
from core.job_list.addresses import jobs_with
from core.queues.last_day import HourlyEndings, JobTimes
from core.queues.summary import KindFigures, QueueFigures, QueueSummary
from core.settings import settings
from core.wording import counted, spoken
from ui import live, query_cache
from ui.components.analytics.figures_tiles import duration
from ui.components.base.box import Part, Rows, box, keep_ticking, text
from ui.components.base.markup import anchor, moment, set_html, tagged, words
from ui.components.base.pause import pause_button, pause_words
from ui.components.base.state_chip import state_chip
from ui.components.base.table import FigureCells, cell, table
from ui.components.queues.last_day import COLUMN as BY_HOUR
from ui.components.queues.last_day import LastDay
from ui.components.queues.limits_form import limits_button, limits_words

#: The filters of the jobs that a figure counts, by its column; those that finished did so within the last day.
_LIVE = {
    "Waiting": {"due": "yes"},
    "Scheduled": {"due": "no"},
    "Running": {"status": "running"},
    "Oldest due": {"due": "yes", "sort": "created_at"},
}
#: Columns of jobs that finished within the last day, by status.
_FINISHED = {"Succeeded": "succeeded", "Failed": "failed", "Cancelled": "cancelled"}
#: Times that 95 % of the jobs of 24 hours did not exceed; each opens the figures that it is one of.
WAIT, RUN = "Wait p95", "Run p95"
_QUEUE_FIGURES = ("Waiting", "Scheduled", "Running", "Oldest due", WAIT, *_FINISHED)
_KIND_FIGURES = ("Running", RUN, *_FINISHED)
_NO_FIGURES = JobTimes({}, {})


async def draw() -> None:
    """Draw the queues and kinds and keep them fresh."""
    page = QueuesPage()
    await page.refresh()
    keep_ticking(page.screen, page.refresh)


class QueuesPage:
    """The state of the broker, then queues, then kinds."""

    def __init__(self) -> None:
        self._since, self._times = clock.now(), _NO_FIGURES
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Queues", tag="h1")
                text("A paused queue starts no new jobs; running jobs finish.", "muted")
            self._broker: Part[QueueSummary] = Part(_draw_broker)
            with box("panel", "section").props("aria-label=Queues"):
                self._about_queues = _title("Queues")
                with table("Queues", ("Queue", "State", *_QUEUE_FIGURES, BY_HOUR), _QUEUE_FIGURES):
                    self._queues: Rows[QueueFigures] = Rows(self._draw_queue, "", "tbody")
            with box("panel", "section").props("aria-label=Kinds"):
                self._about_kinds = _title("Kinds of jobs")
                with table("Kinds", ("Kind", "State", "Limits", *_KIND_FIGURES, BY_HOUR), _KIND_FIGURES):
                    self._kinds: Rows[KindFigures] = Rows(self._draw_kind, "", "tbody")

    async def refresh(self) -> None:
        """Load the figures again; they change in place."""
        self._times = await query_cache.times.now()
        self._show(await query_cache.queues.now())

    async def _reload(self) -> None:
        self._show(await query_cache.queues.anew())

    def _show(self, summary: QueueSummary) -> None:
        if self.screen.is_deleted:
            return
        self._since = summary.since
        for about in (self._about_queues, self._about_kinds):
            set_html(about, *_times_of(summary.since, self._times.day.until))
        self._broker.show(summary, key=(live.hub.bus_is_up(), live.hub.bus_is_up() or summary.queued))
        self._queues.show({queue.line.name: queue for queue in summary.queues})
        self._kinds.show({kind.kind.kind: kind for kind in summary.kinds})

    def _draw_queue(self, queue: QueueFigures) -> Callable[[QueueFigures], None]:
        name = queue.line.name
        with box(tag="tr"):
            set_html(cell("Queue"), anchor(jobs_with({"queue": name}), words(name), classes="strong"))
            state = cell("State", "wide")
            figures, day = FigureCells(_QUEUE_FIGURES), LastDay()
            with cell("", "buttons"):
                buttons: Part[QueueFigures] = Part(
                    lambda now: pause_button("queue", name, paused=now.line.paused_at, after=self._reload)
                )

        def update(now: QueueFigures) -> None:
            line = now.line
            set_html(state, tagged("div", pause_words(line, line.state)))
            buttons.show(now, key=line.paused_at)
            oldest = line.oldest_seconds
            values = [f"{line.waiting:,}", f"{line.scheduled:,}", f"{line.running:,}"]
            values.append("–" if oldest is None else spoken(timedelta(seconds=oldest)))
            values.append(_p95(self._times.by_queue.get(name), WAIT))
            hrefs = [jobs_of(column, self._since, queue=name) for column in _QUEUE_FIGURES]
            figures.show([*values, *_finished(now.ended)], hrefs)
            day.show(now.ended, self._since, figures_of(queue=name))

        return update

    def _draw_kind(self, kind: KindFigures) -> Callable[[KindFigures], None]:
        name = kind.kind.kind
        with box(tag="tr"):
            where = f"{name} in {kind.queue}" if kind.queue else name
            set_html(cell("Kind"), words(kind.label, "strong", "div"), words(where, "mono muted", "div"))
            state, limits = cell("State", "wide"), cell("Limits", "wide")
            figures, day = FigureCells(_KIND_FIGURES), LastDay()
            with cell("", "buttons"):
                buttons: Part[KindFigures] = Part(self._draw_kind_buttons, "hbox")

        def update(now: KindFigures) -> None:
            row = now.kind
            limited = (row.max_running, row.max_per_worker, row.rate_count, row.rate_seconds)
            set_html(state, tagged("div", pause_words(row, now.state)))
            set_html(limits, tagged("div", *limits_words(row)))
            buttons.show(now, key=(row.paused_at, limited))
            values = [f"{now.running:,}", _p95(self._times.by_kind.get(name), RUN)]
            hrefs = [jobs_of(column, self._since, kind=name) for column in _KIND_FIGURES]
            figures.show([*values, *_finished(now.ended)], hrefs)
            day.show(now.ended, self._since, figures_of(kind=name))

        return update

    def _draw_kind_buttons(self, kind: KindFigures) -> None:
        pause_button("kind", kind.kind.kind, paused=kind.kind.paused_at, after=self._reload)
        limits_button(kind.kind, self._reload)


def jobs_of(column: str, since: datetime, **of: str) -> str:
    """Return the address of the jobs that a column counts, of one queue or kind; of a time, that of its figures."""
    if column in (WAIT, RUN):
        return figures_of(**of)
    ended = {} if column in _LIVE else {"status": _FINISHED[column], "finished_after": since.isoformat()}
    return jobs_with({**of, **_LIVE.get(column, ended)})


def figures_of(**of: str) -> str:
    """Return the address of the figures of 24 hours of one queue or kind."""
    return f"/analytics?{urlencode(of)}"


def _p95(figures: JobFigures | None, column: str) -> str:
    return duration((figures.wait if column == WAIT else figures.run).p95 if figures else None)


def _title(title: str) -> ui.element:
    """Draw a panel's heading; return the place that says of which time its figures are."""
    with box("title"):
        text(title, tag="h2")
        return box("muted")


def _times_of(since: datetime, until: datetime | None) -> list[Markup]:
    p95 = [words("; p95: 24 h up to "), moment(until, "clock")] if until else []
    return [words("Finished since "), moment(since, "clock"), *p95]


def _finished(ended: HourlyEndings) -> list[str]:
    return [f"{ended.total(status):,}" for status in _FINISHED.values()]


def _draw_broker(summary: QueueSummary) -> None:
    if live.hub.bus_is_up():
        return
    interval = f"{settings().sweep_seconds:g} s"
    rows = counted(summary.queued, "row")
    with box("notice tone-warn", "section").props('role=status aria-label="Broker"'):
        state_chip("paused").set_text("broker down")
        with box():
            text(
                f"The broker is down. Nothing is lost: {rows} queued in the database; workers check every {interval}.",
                "strong",
                tag="p",
            )
            text(
                "Jobs start a little later, and pages refresh once a second. It recovers when the broker returns.",
                "muted",
                tag="p",
            )
