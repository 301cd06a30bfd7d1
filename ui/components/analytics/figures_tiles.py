"""The figures of a time in tiles: against the source's targets, and against the time before."""

from datetime import timedelta
from typing import Final

from markupsafe import Markup

from core.analytics.figures import JobFigures
from core.overview import TARGET
from core.wording import counted, nearly
from ui import design
from ui.components.analytics.view import FAILED, FINISHED, LOST, SUCCEEDED, Numbers
from ui.components.base.markup import anchor, lines, tagged, words

#: Seconds in which jobs are done: within one to two minutes.
RUN_TARGET: Final = 120.0


def draw_tiles(numbers: Numbers) -> None:
    """Draw one tile per figure, each a link to the jobs that it counts."""
    now = numbers.found.now
    before = numbers.found.before if numbers.are_comparable else JobFigures()
    than = f"than the {numbers.view.words} before"
    lines(
        [
            _tile(numbers.of(FINISHED), f"{now.finished:,}", f"jobs finished{_more(now, before, than)}"),
            _success(numbers, now, before, than),
            _run(numbers, now, before, than),
            _tile(
                numbers.of(FINISHED),
                duration(now.wait.p95),
                f"95 % started within this time{_slower(now.wait.p95, before.wait.p95, than)}",
            ),
            _tile(None, f"{now.retries_helped:,} of {now.retries:,}", "retries by people succeeded"),
            _tile(numbers.of(LOST), f"{now.lost:,}", "failed because their worker was lost", _bad(now.lost > 0)),
        ],
        "tiles",
    )


def duration(seconds: float | None) -> str:
    """Return a time of a histogram, or a dash for none."""
    return "–" if seconds is None else nearly(timedelta(seconds=seconds))


def percent(share: float | None) -> str:
    """Return a share as people read it; what is nearly all is not said to be all."""
    if share is None:
        return "–"
    return "99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def linked(href: str | None, shown: str, classes: str = "figure") -> Markup:
    """Return a number as a link to its jobs, or as text where nothing leads to them."""
    return anchor(href, words(shown), classes=classes) if href else words(shown)


def _tile(href: str | None, figure: str, label: str, tone: str = "") -> Markup:
    content = (words(figure, "figure"), words(label, "label"))
    look = f"tile {tone}".rstrip()
    return anchor(href, *content, classes=look) if href else tagged("div", *content, classes=look)


def _success(numbers: Numbers, now: JobFigures, before: JobFigures, than: str) -> Markup:
    change = ""
    if now.success is not None and before.success is not None:
        points = 100 * (now.success - before.success)
        change = (
            f"; {abs(points):.1f} points {'better' if points > 0 else 'worse'} {than}" if abs(points) > 0.05 else ""
        )
    label = f"succeeded (target {TARGET * 100:.0f} %), {counted(now.failed, 'failure')}{change}"
    tone = "" if now.success is None else _bad(now.success < TARGET) or design.OK
    return _tile(numbers.of(FAILED), percent(now.success), label, tone)


def _run(numbers: Numbers, now: JobFigures, before: JobFigures, than: str) -> Markup:
    run = now.run.p95
    tone = "" if run is None else _bad(run > RUN_TARGET) or design.OK
    label = f"95 % ran this long at most (target 2 min){_slower(run, before.run.p95, than)}"
    return _tile(numbers.of(SUCCEEDED), duration(run), label, tone)


def _more(now: JobFigures, before: JobFigures, than: str) -> str:
    if not before.finished or now.finished == before.finished:
        return ""
    change = (now.finished - before.finished) / before.finished
    return f"; {_change(change)} {'more' if change > 0 else 'fewer'} {than}"


def _slower(now: float | None, before: float | None, than: str) -> str:
    """Return a change of a time, if it is more than the times are exact."""
    if not now or not before or abs(now - before) < 0.1 * before:
        return ""
    change = (now - before) / before
    return f"; {_change(change)} {'longer' if change > 0 else 'shorter'} {than}"


def _change(share: float) -> str:
    return f"{1 + share:,.0f} times" if share >= 2 else f"{max(1, round(abs(share) * 100))} %"


def _bad(is_bad: bool) -> str:  # noqa: FBT001 - a figure's judgement
    return design.BAD if is_bad else ""
