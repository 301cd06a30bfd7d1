"""Outcomes over time as bars, each a link to its jobs, with what happened meanwhile below them."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from core.analytics.figures import TimePart
from core.analytics.spans import Span
from ui.components.analytics.view import FINISHED, Numbers
from ui.components.base.box import box
from ui.components.base.markup import anchor, lines, moment, tagged, title, words

#: The outcomes from the bottom up, and the tones of their parts of a bar.
OUTCOMES: Final = ("succeeded", "failed", "cancelled")


def draw_chart(numbers: Numbers, zone: str) -> None:
    """Draw one bar for each part of the time; times are said in this zone."""
    found, of = numbers.found, ZoneInfo(zone)
    title("Outcomes over time", "each bar opens its jobs")
    most = max((_total(part) for part in found.parts), default=0) or 1
    with box("body vbox"):
        legend = [words(name, f"key {name}") for name in OUTCOMES]
        lines([*legend, words(f"highest bar: {most:,}", "muted")], "hbox wrap legend")
        bars = [_bar(numbers, part, most, of) for part in found.parts]
        chart = lines([*bars, *_ticks(numbers)], "outcomes")
        chart.props.update({"role": "group", "aria-label": "Outcomes over time"})
        lines([moment(found.span.start, "clock"), moment(found.span.stop, "clock")], "hbox between muted")
    if found.marks:
        happened = [
            anchor(mark.href, moment(mark.at, "clock", "muted"), words(mark.label, "clip")) for mark in found.marks
        ]
        lines(happened, "rows marks")


def _bar(numbers: Numbers, part: TimePart, most: int, of: ZoneInfo) -> Markup:
    counts = [(name, getattr(part, name)) for name in OUTCOMES]
    pieces = [
        tagged("i", classes=name, style=f"height: {100 * number / most:.2f}%") for name, number in counts if number
    ]
    said = ", ".join(f"{number:,} {name}" for name, number in counts if number) or "none"
    label = f"{_times(part.start, part.stop, of)}: {said}"
    span = Span(part.start, part.stop, numbers.found.span.grain)
    if _total(part) and (href := numbers.of(FINISHED, span)):
        return anchor(href, *reversed(pieces), classes="bar", title=label, aria_label=label)
    return tagged("span", *reversed(pieces), classes="bar", title=label)


def _ticks(numbers: Numbers) -> list[Markup]:
    """Return a line in the chart for each mark; the list below says what it is."""
    span = numbers.found.span
    length = span.stop - span.start
    return [
        tagged("b", classes="tick", style=f"left: {100 * ((mark.at - span.start) / length):.2f}%", title=mark.label)
        for mark in numbers.found.marks
    ]


def _times(start: datetime, stop: datetime, of: ZoneInfo) -> str:
    first, last = start.astimezone(of), stop.astimezone(of)
    same = first.date() == last.date()
    return f"{first:%a %d %b %H:%M} to {last:%H:%M}" if same else f"{first:%a %d %b %H:%M} to {last:%a %d %b %H:%M}"


def _total(part: TimePart) -> int:
    return part.succeeded + part.failed + part.cancelled
