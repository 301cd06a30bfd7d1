"""The table of figures by kind, queue or version, and the busiest hours of the week."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from markupsafe import Markup

from core.analytics.figures import By, FiguresLine, JobFigures, Week
from core.analytics.reading import LINES
from core.analytics.table import UNKNOWN
from core.overview import TARGET
from ui import design
from ui.components.analytics.figures_tiles import duration, linked, percent
from ui.components.analytics.view import CANCELLED, FAILED, FINISHED, SUCCEEDED, Numbers
from ui.components.base.box import box, link, text
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, tagged, words
from ui.components.base.table import table

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HEADINGS: Final = {By.KIND: "Kind", By.QUEUE: "Queue", By.VERSION: "Version"}
_COLUMNS: Final = (
    *("Finished", "Before", "Success", "Failed", "Cancelled"),
    *("Wait p50", "Wait p95", "Wait p99", "Run p50", "Run p95", "Run p99", "Retries helped"),
)


def draw_lines(numbers: Numbers) -> None:
    """Draw a line per kind, queue or version; each number is a link to its jobs."""
    found = numbers.found
    with box("title"):
        text("By kind, queue and version", tag="h2")
        with box("hbox").props('role=group aria-label="Lines"'):
            for by in By:
                is_on = by is found.by
                chip = link(replace(numbers.view, by=by).address(), "chip", _HEADINGS[by])
                if is_on:
                    chip.props["aria-current"] = "true"
    with table("Figures", (_HEADINGS[found.by], *_COLUMNS), _COLUMNS):
        lines([_line(numbers, line) for line in found.lines], "", "tbody")
    if note := _note(numbers):
        text(note, "body muted", tag="p")


def _note(numbers: Numbers) -> str:
    notes, found = [], numbers.found
    if not numbers.are_comparable:
        notes.append("There are no figures of all the time before, so nothing is compared with it.")
    if found.by is By.VERSION:
        notes.append("Jobs cannot be listed by version, so these numbers lead nowhere.")
    if len(found.lines) == LINES:
        notes.append(f"These are the {LINES} with the most jobs.")
    return " ".join(notes)


def _line(numbers: Numbers, line: FiguresLine) -> Markup:
    now = line.now

    def jobs(where: dict[str, str]) -> str | None:
        return numbers.of_line(where, line.name)

    def times(where: dict[str, str], of: Sequence[float | None]) -> list[Markup]:
        return [linked(jobs(where), duration(seconds)) for seconds in of]

    before = numbers.of_line(FINISHED, line.name, numbers.found.span.before)
    cells = [
        linked(jobs(FINISHED), f"{now.finished:,}"),
        linked(before, f"{line.before.finished:,}") if numbers.are_comparable else words("–"),
        tagged("span", linked(jobs(FAILED), percent(now.success)), classes=_tone_of_success(now)),
        linked(jobs(FAILED), f"{now.failed:,}"),
        linked(jobs(CANCELLED), f"{now.cancelled:,}"),
        *times(FINISHED, (now.wait.p50, now.wait.p95, now.wait.p99)),
        *times(SUCCEEDED, (now.run.p50, now.run.p95, now.run.p99)),
        words(f"{now.retries_helped:,} of {now.retries:,}" if now.retries else "–"),
    ]
    named = [tagged("td", cell, classes="num", data_label=column) for column, cell in zip(_COLUMNS, cells, strict=True)]
    return tagged("tr", tagged("td", _name(numbers, line.name)), *named, tagged("td"))


def _name(numbers: Numbers, name: str) -> Markup:
    if not name:
        return words(UNKNOWN, "muted")
    if getattr(numbers.view.choice, numbers.found.by.value) == name:
        return words(_shown(numbers, name), "strong", title=name)
    href = numbers.view.but(**{numbers.found.by.value: name}).address()
    return anchor(href, words(_shown(numbers, name), title=name), classes="strong")


def _shown(numbers: Numbers, name: str) -> str:
    return kind_label(name) if numbers.found.by is By.KIND else name


def _tone_of_success(figures: JobFigures) -> str:
    return design.BAD if figures.success is not None and figures.success < TARGET else ""


def draw_week(week: Week, zone: str) -> None:
    """Draw finished jobs by weekday and hour; the darker, the more."""
    with box("title"):
        text("Busiest hours", tag="h2")
        text(f"finished jobs by weekday and hour, {zone.replace('_', ' ')}", "muted")
    most = max(max(hours) for hours in week) or 1
    head = tagged("tr", tagged("td"), *(tagged("th", f"{hour:02}", scope="col") for hour in range(24)), classes="hours")
    days = [
        tagged("tr", tagged("th", day, scope="row"), *(_hour(number, most) for number in hours))
        for day, hours in zip(_DAYS, week, strict=True)
    ]
    with box("body scroll-x") as around:
        around.props.update({"tabindex": "0", "role": "region", "aria-label": "Busiest hours"})
        lines([head, *days], "week", "table")


def _hour(number: int, most: int) -> Markup:
    share = round(100 * number / most)
    return tagged(
        "td", f"{number:,}" if number else "", style=f"--share: {share}%", classes="hot" if share > 60 else ""
    )
