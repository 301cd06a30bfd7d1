"""The first page: what needs attention, then how the system is doing."""

from typing import Final

from markupsafe import Markup
from nicegui import ui

from core.diagnosis.error_state import ErrorState
from core.failures.groups import FailureGroup
from core.job_list.addresses import jobs_with
from core.overview import Overview, is_late
from core.people.users import HELD_UP
from core.queues.last_day import DayFigures
from core.wording import counted
from ui import live, query_cache
from ui.components.analytics.day_tiles import draw_day_tiles, jobs_of_day
from ui.components.analytics.recent_chart import RecentChart
from ui.components.base.box import Part, box, keep_roughly_fresh, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, moment, tagged, title, words
from ui.components.base.state_chip import state_words
from ui.components.jobs.failure_bars import spark
from ui.components.people.need_groups import draw_need_groups
from ui.components.queues.at_work import AtWork

#: Unhandled failures of any time: those before the time of the groups are no part of their numbers.
_OLDER: Final = {"situation": "failed"}
#: Seconds between two refreshes while things change; the figures cover hours, so seconds do not matter.
REFRESH_SECONDS: Final = 5.0
#: Seconds between two looks at the chart, whose bars also move by themselves.
REDRAW_SECONDS: Final = 10.0
#: Seconds between two looks at queues and workers.
LOOK_SECONDS: Final = 2.0


async def draw() -> None:
    """Load the overview, draw it and keep it fresh."""
    await OverviewPage().begin()


class OverviewPage:
    """The parts of the page; each is redrawn only when it changed."""

    def __init__(self) -> None:
        self._waiting: tuple[int, bool] = (0, False)
        self._day = DayFigures()
        with box("screen padded") as self._screen:
            text("Overview", tag="h1")
            self._tiles: Part[tuple[Overview, DayFigures]] = Part(draw_day_tiles)
            self._chart = RecentChart()
            with box("columns"):
                with box():
                    self._people: Part[Overview] = Part(self._draw_people, "panel")
                with box():
                    self._failures: Part[Overview] = Part(_draw_failures, "panel")
            self._at_work = AtWork()

    async def begin(self) -> None:
        """Show the overview now, and keep it fresh."""
        await self._look_again()
        keep_roughly_fresh(self._screen, self._refresh, seconds=REFRESH_SECONDS)
        keep_ticking(self._screen, self._follow_waiting, seconds=REFRESH_SECONDS)
        # After the first paint, which waits for no bar; its place is as high before, and what is at work comes last.
        ui.timer(0.01, self._draw_the_rest, once=True)
        keep_ticking(self._screen, self._chart.refresh, seconds=REDRAW_SECONDS)
        keep_ticking(self._screen, self._at_work.refresh, seconds=LOOK_SECONDS)

    async def _draw_the_rest(self) -> None:
        await self._chart.refresh()
        await self._at_work.refresh()
        self._day = (await query_cache.times.now()).day
        await self._refresh()

    async def _refresh(self) -> None:
        self._show(await query_cache.overview.now(None))

    def _show(self, summary: Overview) -> None:
        if self._screen.is_deleted:
            return
        self._waiting = (summary.waiting, summary.is_late)
        figures = (
            summary.ended,
            summary.succeeded,
            summary.mended,
            summary.tried_again,
            summary.retrying,
            summary.since,
        )
        shown = (*summary.users.items(), *figures, summary.waiting_since, *self._waiting, self._day)
        self._tiles.show((summary, self._day), key=shown)
        self._people.show(summary, key=(*summary.held_up, *summary.users.values()))
        self._failures.show(summary, key=(summary.since, summary.open_errors, *summary.failures))

    def _draw_people(self, summary: Overview) -> None:
        every, shown = sum(summary.users[each] for each in HELD_UP), sum(each.number for each in summary.held_up)
        some = f"{shown:,} of {every:,}; the tiles above lead to all" if every > shown else ""
        title("Users who need help", some or "now, however old the cause")
        if not summary.held_up:
            empty("check_circle", "No users need help", "Users who are stuck, failed or held by a pause appear here.")
            return
        draw_need_groups(summary.held_up, self._look_again)

    async def _look_again(self) -> None:
        self._show(await query_cache.overview.anew(None))

    async def _follow_waiting(self) -> None:
        """Refresh when jobs have become due or late, which changes no row."""
        health = live.status().health
        if health and self._waiting != (health.queue_depth, is_late(health)):
            await self._refresh()


def _draw_failures(summary: Overview) -> None:
    with box("title"):
        text("Unhandled failures", tag="h2")
        lines([words("since "), moment(summary.since, "clock")], "since grow clip")
        link("/failures", label=counted(summary.open_errors, "open error") if summary.open_errors else "All failures")
    if not summary.failures:
        hint = (
            "Failures that nothing has come after appear here, grouped by error. The figures above lead to the others."
        )
        empty("sentiment_satisfied", "No open errors", hint)
    else:
        lines([_group(summary, group) for group in summary.failures], "rows failures")
    with box("body"):
        older = jobs_with(_OLDER, finished_before=summary.since.isoformat())
        link(older, label="Unhandled failures before that")


def _group(summary: Overview, group: FailureGroup) -> Markup:
    """Return the line of a group: its number leads to the jobs that it counts, its words to the group."""
    jobs = anchor(
        jobs_of_day(summary, situation="failed", error=group.fingerprint),
        words(f"{group.count:,}×"),
        classes="strong num",
    )
    kinds = ", ".join(map(kind_label, group.kinds))
    about = [f"{kinds} · {counted(group.users, 'user')}", *([group.owner] if group.owner else [])]
    is_back = group.state is ErrorState.REGRESSION
    error = anchor(
        f"/failures/{group.fingerprint}",
        words(group.title, "clip", "div", title=group.message),
        tagged(
            "div",
            *([state_words(group.state)] if is_back else []),
            words(" · ".join(about), "muted clip"),
            classes="hbox clip",
        ),
        classes="grow",
    )
    return tagged("div", jobs, error, spark(group.parts), moment(group.last_seen, classes="muted"), classes="row-line")
