"""The first page: what needs attention, then how the system is doing."""

from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui

from core.analytics.figures import JobFigures
from core.diagnosis.error_state import ErrorState
from core.diagnosis.situation import Situation
from core.failures.groups import FailureGroup
from core.overview import TARGET, Overview, is_late
from core.people.users import HELD_UP
from core.wording import counted
from ui import design, live, query_cache
from ui.components.analytics.figures_tiles import RUN_TARGET, duration
from ui.components.analytics.recent_chart import RecentChart
from ui.components.base.box import Part, box, keep_roughly_fresh, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, moment, tagged, title, words
from ui.components.base.state_chip import state_words
from ui.components.jobs.failure_bars import spark
from ui.components.people.need_groups import draw_need_groups
from ui.components.queues.at_work import AtWork

#: Seconds between two refreshes while things change; the figures cover hours, so seconds do not matter.
REFRESH_SECONDS: Final = 5.0
#: Seconds between two looks at the chart, whose bars also move by themselves.
REDRAW_SECONDS: Final = 10.0
#: Seconds between two looks at queues and workers.
LOOK_SECONDS: Final = 2.0
#: What counts as ended: not what was cancelled, nor failures whose work another job did again.
ENDED: Final = {"status": "succeeded,failed", "redone": "no"}
#: What of it counts as failed, dismissed or not.
FAILED: Final = {"status": "failed", "redone": "no"}
#: Failures besides.
MENDED: Final = {"redone": "yes"}
#: Failures besides, whose work is to be done again.
TRIED: Final = {"redone": "tried"}
#: The jobs whose last attempt failed, and which try again by themselves.
RETRYING: Final = "/jobs?label=retrying"


async def draw() -> None:
    """Load the overview, draw it and keep it fresh."""
    await OverviewPage().begin()


class OverviewPage:
    """The parts of the page; each is redrawn only when it changed."""

    def __init__(self) -> None:
        self._waiting: tuple[int, bool] = (0, False)
        self._times = JobFigures()
        with box("screen padded") as self._screen:
            text("Overview", tag="h1")
            self._tiles: Part[tuple[Overview, JobFigures]] = Part(_draw_tiles)
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
        self._times = (await query_cache.times.now()).every
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
        times = self._times
        shown = (*summary.users.items(), *figures, summary.waiting_since, *self._waiting, times)
        self._tiles.show((summary, times), key=shown)
        self._people.show(summary, key=(*summary.held_up, *summary.users.values()))
        self._failures.show(summary, key=(summary.since, *summary.failures))

    def _draw_people(self, summary: Overview) -> None:
        every, shown = sum(summary.users[each] for each in HELD_UP), sum(len(each.users) for each in summary.held_up)
        title("Users who need help", f"{shown:,} of {every:,}; the tiles above lead to all" if every > shown else "")
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


def _draw_tiles(shown: tuple[Overview, JobFigures]) -> None:
    summary, times = shown
    stuck, failed, held = (summary.users[each] for each in (Situation.STUCK, Situation.FAILED, Situation.HELD))
    tiles = [
        _tile_of_users(Situation.STUCK, stuck, "stuck {}", design.BAD),
        _tile_of_users(Situation.FAILED, failed, "failed {}", design.BAD),
        _tile_of_users(Situation.HELD, held, "{} held by a pause or limit", design.WARN),
        _waiting(summary),
        _finished(summary),
        _success(summary),
        _run(times),
    ]
    lines(tiles, "tiles")
    if besides := _besides(summary):
        lines([words("Not counted:"), *besides], "hbox wrap muted besides")


def _finished(summary: Overview) -> Markup:
    label = tagged("span", words("jobs finished since "), moment(summary.since, "clock"), classes="label")
    return anchor(_jobs(summary, **ENDED), words(f"{summary.ended:,}", "figure"), label, classes="tile")


def _success(summary: Overview) -> Markup:
    """Return the tile of the rate; attempts that fail meanwhile stand beside it, and it is not green then."""
    rate, tone = "–", ""
    if summary.ended:
        share = summary.succeeded / summary.ended
        rate = "99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"
        tone = design.BAD if share < TARGET else design.WARN if summary.retrying else design.OK
    figures = (
        (summary.ended - summary.succeeded, "failed", _jobs(summary, **FAILED)),
        (summary.retrying, "retrying", RETRYING),
    )
    others = [anchor(href, words(f"{number:,} {word}")) for number, word, href in figures if number]
    label = [words(f"succeeded of {summary.ended:,} (target {TARGET * 100:.0f} %)"), *others]
    content = (
        anchor(_jobs(summary, **ENDED), words(rate, "figure")),
        tagged("span", Markup(" · ").join(label), classes="label"),
    )
    return tagged("div", *content, classes=f"tile {tone}".rstrip())


def _run(times: JobFigures) -> Markup:
    """Return the tile of how long jobs took: those of 24 hours as far as they are added up."""
    run = times.run.p95
    tone = "" if run is None else design.BAD if run > RUN_TARGET else design.OK
    return _tile(duration(run), "95 % of jobs ran this long at most (target 2 min)", "/analytics", tone)


def _besides(summary: Overview) -> list[Markup]:
    """Return the failures that are in no rate, each number leading to its jobs."""
    figures = ((summary.mended, "mended", MENDED), (summary.tried_again, "tried again", TRIED))
    return [
        anchor(_jobs(summary, **where), words(f"{counted(number, 'failure')} {outcome}"))
        for number, outcome, where in figures
        if number
    ]


def _waiting(summary: Overview) -> Markup:
    """Return the tile whose age ticks in the browser, coloured when it is too long."""
    label, href = f"oldest waiting of {counted(summary.waiting, 'due job')}", "/jobs?due=yes&sort=created_at"
    if summary.waiting_since is None:
        return _tile("–", "no due job is waiting", href, "")
    age = moment(summary.waiting_since, "elapsed", "figure")
    return anchor(href, age, words(label, "label"), classes=f"tile {design.WARN if summary.is_late else ''}".rstrip())


def _tile_of_users(situation: Situation, number: int, label: str, tone: str) -> Markup:
    noun = "user" if number == 1 else "users"
    return _tile(f"{number:,}", label.format(noun), f"/users?situation={situation}", tone if number else design.OK)


def _tile(figure: str, label: str, href: str, tone: str) -> Markup:
    return anchor(href, words(figure, "figure"), words(label, "label"), classes=f"tile {tone}")


def _draw_failures(summary: Overview) -> None:
    with box("title"):
        text("Unhandled failures", tag="h2")
        lines([words("since "), moment(summary.since, "clock")], "muted grow")
        link("/failures", label="All failures")
    if not summary.failures:
        hint = (
            "Failures that nothing has come after appear here, grouped by error. The figures above lead to the others."
        )
        empty("sentiment_satisfied", "No open errors", hint)
        return
    lines([_group(summary, group) for group in summary.failures], "rows failures")


def _jobs(summary: Overview, **where: str) -> str:
    """Return the address of the jobs that a figure counts, and of no others."""
    return f"/jobs?{urlencode({**where, 'finished_after': summary.since.isoformat()})}"


def _group(summary: Overview, group: FailureGroup) -> Markup:
    """Return the line of a group: its number leads to the jobs that it counts, its words to the group."""
    jobs = anchor(
        _jobs(summary, situation="failed", error=group.fingerprint), words(f"{group.count:,}×"), classes="strong num"
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
