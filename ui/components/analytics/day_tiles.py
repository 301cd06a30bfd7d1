"""The tiles of Overview: what needs attention now, and the figures of the last day beside those of the day before."""

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from core.analytics.figures import JobFigures
from core.diagnosis.situation import Situation
from core.job_list.addresses import jobs_with
from core.job_list.orders import MOST_SORTED
from core.job_list.spans import LEAST_WAIT, LEAST_WORK
from core.overview import TARGET, Overview
from core.queues.last_day import DayFigures
from core.wording import counted
from ui import design
from ui.components.analytics.figures_tiles import RUN_TARGET, duration, percent
from ui.components.analytics.view import FINISHED, SUCCEEDED
from ui.components.base.markup import anchor, lines, linked, moment, tagged, words

#: What counts as ended: not what was cancelled, nor failures whose work another job did again.
ENDED: Final = {"status": "succeeded,failed", "redone": "no"}
#: What of it counts as failed, dismissed or not.
FAILED: Final = {"status": "failed", "redone": "no"}
#: Failures besides.
MENDED: Final = {"redone": "yes"}
#: Failures besides, whose work is to be done again.
TRIED: Final = {"redone": "tried"}
#: The jobs whose last attempt failed, and which try again by themselves.
RETRYING: Final = jobs_with({"label": "retrying"})
#: Users of each of these situations, in a word, and how they look if there are any.
_PEOPLE: Final = ((Situation.STUCK, design.BAD), (Situation.FAILED, design.BAD), (Situation.HELD, design.WARN))
#: Times are known within five per cent, so that a smaller change is none.
_LEAST: Final = 0.1
_STRETCHED: Final = {"preserveAspectRatio": "none", "aria_hidden": "true"}
_THAN: Final = "on the day before"
#: Its place is as high as that of one.
_NO_CHANGE: Final = words("", "change")


def draw_day_tiles(shown: tuple[Overview, DayFigures]) -> None:
    """Draw the tiles, each number a link to what it counts, and what is in no rate."""
    summary, day = shown
    lines([people(summary), waiting(summary), finished(summary, day), success(summary, day), *_times(day)], "tiles six")
    if besides := _besides(summary):
        lines([words("Not counted:"), *besides], "hbox wrap muted besides")


def jobs_of_day(summary: Overview, **where: str) -> str:
    """Return the address of the jobs that a figure counts, and of no others."""
    return jobs_with(where, finished_after=summary.since.isoformat())


def people(summary: Overview) -> Markup:
    """Return the tile of the users who need help: of each situation a number that opens them."""
    numbers = [
        linked(
            f"/users?situation={each}",
            number := summary.users[each],
            words(f"{number:,}", "figure"),
            words(f"{each}", "label"),
            classes=tone if number else design.OK,
        )
        for each, tone in _PEOPLE
    ]
    label = words("users who need help now", "label")
    return tagged("div", tagged("div", *numbers, classes="three"), label, classes="tile")


def waiting(summary: Overview) -> Markup:
    """Return the tile whose age ticks in the browser, coloured when it is too long."""
    if summary.waiting_since is None:
        return tagged("div", words("–", "figure"), words("no due job is waiting", "label"), _NO_CHANGE, classes="tile")
    age = moment(summary.waiting_since, "elapsed", "figure")
    label = f"oldest waiting of {counted(summary.waiting, 'due job')}"
    tone = design.WARN if summary.is_late else ""
    href = jobs_with({"due": "yes"}, sort="created_at")
    return anchor(href, age, words(label, "label"), _NO_CHANGE, classes=f"tile {tone}".rstrip())


def finished(summary: Overview, day: DayFigures) -> Markup:
    """Return the tile of the throughput; more or fewer jobs are neither good nor bad."""
    label = tagged("span", words("jobs finished since "), moment(summary.since, "clock"), classes="label")
    figure = _figure(f"{summary.ended:,}", [each.finished for each in day.hours], "finished jobs")
    change = _change(_share(day.now.finished, day.before.finished if day.before else None), "")
    return linked(jobs_of_day(summary, **ENDED), summary.ended, figure, label, change, classes="tile")


def success(summary: Overview, day: DayFigures) -> Markup:
    """Return the tile of the rate; attempts that fail meanwhile stand beside it, and it is not green then."""
    rate, tone = "–", ""
    if summary.ended:
        share = summary.succeeded / summary.ended
        rate = percent(share)
        tone = design.BAD if share < TARGET else design.WARN if summary.retrying else design.OK
    figures = (
        (summary.ended - summary.succeeded, "failed", jobs_of_day(summary, **FAILED)),
        (summary.retrying, "retrying", RETRYING),
    )
    others = [anchor(href, words(f"{number:,} {word}")) for number, word, href in figures if number]
    label = [words(f"succeeded of {summary.ended:,} (target {TARGET * 100:.0f}\u00a0%)"), *others]
    shares = [None if each.success is None else round(100 * each.success, 1) for each in day.hours]
    content = (
        linked(jobs_of_day(summary, **ENDED), summary.ended, _figure(rate, shares, "per cent that succeeded")),
        tagged("span", Markup(", ").join(label), classes="label"),
        _points(day.now.success, day.before.success if day.before else None, is_good=tone != design.BAD),
    )
    return tagged("div", *content, classes=f"tile {tone}".rstrip())


def _times(day: DayFigures) -> list[Markup]:
    """Return the tiles of how long jobs waited and ran: those of the day as far as they are added up."""
    now, before = day.now, day.before or JobFigures()
    run = now.run.p95
    tone = "" if run is None else design.BAD if run > RUN_TARGET else design.OK
    wait = _figure(duration(now.wait.p95), [each.wait.p95 for each in day.hours], "seconds waited")
    ran = _figure(duration(run), [each.run.p95 for each in day.hours], "seconds run")
    return [
        _time(longest_waits(day), wait, "95 % of jobs waited at most", _slower(now.wait.p95, before.wait.p95)),
        _time(longest_runs(day), ran, "95 % ran at most (target 2\u00a0min)", _slower(run, before.run.p95), tone),
    ]


def longest_waits(day: DayFigures) -> str | None:
    """Return the address of the jobs whose wait is known, the longest first; None: of none."""
    where = {**FINISHED, "attempt": "<2"}  # of a job that was tried again, the first wait is no longer known
    is_sorted = day.now.finished <= MOST_SORTED or (day.now.wait.p95 or 0) >= LEAST_WAIT.total_seconds()
    return None if day.now.wait.p95 is None else _jobs_until(day, where, "-waited" if is_sorted else "")


def longest_runs(day: DayFigures) -> str | None:
    """Return the address of the jobs whose run is known, the longest first; None: of none."""
    is_sorted = day.now.succeeded <= MOST_SORTED or (day.now.run.p95 or 0) >= LEAST_WORK.total_seconds()
    return None if day.now.run.p95 is None else _jobs_until(day, SUCCEEDED, "-took" if is_sorted else "")


def _jobs_until(day: DayFigures, where: Mapping[str, str], sort: str) -> str | None:
    """Return the address of jobs of this time; a list that would be refused in an order has its own."""
    if day.since is None or day.until is None:
        return None
    times = {"finished_after": day.since.isoformat(), "finished_before": day.until.isoformat()}
    return jobs_with({**where, **times} | ({"sort": sort} if sort else {}))


def _time(href: str | None, figure: Markup, label: str, change: Markup, tone: str = "") -> Markup:
    """Return the tile of a time: its figure opens the jobs behind it, the change what compares the two days."""
    compared = change if change == _NO_CHANGE else anchor("/analytics", change, classes="end", title="Open Analytics")
    shown = anchor(href, figure) if href else figure
    return tagged("div", shown, words(label, "label"), compared, classes=f"tile {tone}".rstrip())


def _besides(summary: Overview) -> list[Markup]:
    """Return the failures that are in no rate, each number leading to its jobs."""
    figures = ((summary.mended, "mended", MENDED), (summary.tried_again, "tried again", TRIED))
    return [
        anchor(jobs_of_day(summary, **where), words(f"{counted(number, 'failure')} {outcome}"))
        for number, outcome, where in figures
        if number
    ]


def _figure(shown: str, hours: Sequence[float | None], what: str) -> Markup:
    return tagged("span", words(shown, "figure"), hour_line(hours, what), classes="top")


def hour_line(hours: Sequence[float | None], what: str) -> Markup:
    """Return a bar for each hour from zero up, none where nothing is known; its place is there before they are."""
    known = [each for each in hours if each is not None]
    if max(known, default=0) <= 0:
        return tagged("span", classes="day-line")
    most, step = max(known), 10
    bars = "".join(
        f"M{place * step} 100v-{max(3.0, 100 * each / most):.0f}h7V100z" for place, each in enumerate(hours) if each
    )
    drawing = tagged("svg", tagged("path", d=bars), viewBox=f"0 0 {len(hours) * step - 3} 100", **_STRETCHED)
    said = f"{what.capitalize()} by the hour: {min(known):,.3g} to {most:,.3g}"
    return tagged("span", drawing, classes="day-line", role="img", aria_label=said, title=said)


def _share(now: float | None, before: float | None) -> float | None:
    return None if not before or now is None else now / before - 1


def _slower(now: float | None, before: float | None) -> Markup:
    """Return the change of a time: shorter is good."""
    share = _share(now, before)
    if share is None or abs(share) < _LEAST:
        return _change(None if share is None else 0.0, "")
    return _change(share, design.BAD if share > 0 else design.OK)


def _points(now: float | None, before: float | None, *, is_good: bool) -> Markup:
    """Return the change of a rate, in points: more is good, and less is bad only where the rate is."""
    if now is None or before is None:
        return _NO_CHANGE
    points = round(100 * (now - before), 1)
    tone = design.OK if points > 0 else design.BAD if points < 0 and not is_good else ""
    return _said(f"{_signed(f'{points:+.1f}')} points {_THAN}" if points else f"same {_THAN}", tone)


def _change(share: float | None, tone: str) -> Markup:
    """Return a change in words; nothing where nothing is known of the time before, but its place."""
    if share is None:
        return _NO_CHANGE
    if share >= 2:
        return _said(f"{1 + share:,.0f} times the day before", tone)
    each = round(100 * share)
    return _said(f"{_signed(f'{each:+d}')} % {_THAN}" if each else f"same {_THAN}", tone)


def _signed(number: str) -> str:
    return number.replace("-", "−")


def _said(text: str, tone: str) -> Markup:
    return words(text, f"change {tone}".rstrip())
