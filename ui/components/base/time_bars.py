"""Bars of jobs over time, stacked by how they stand, of which a person chooses a range (assets/bars.js).

The chosen range is whole bars: by a click, by dragging, or with arrow keys, with Shift for more than one, and Enter.
What a bar counts is said beside the pointer and to screen readers, in the viewer's zone.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from markupsafe import Markup
from nicegui.events import GenericEventArguments

from core import clock
from ui.components.base.box import box, dressed
from ui.components.base.markup import moment, set_html, tagged, words

#: Of a hundred, what each number has at least: one failure among a thousand successes is seen.
LEAST: Final = 3.0
#: A bar and the gap after it, in units of the drawing.
_STEP, _BAR = 10, 9
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bars:
    """What bars of this width count, each from its beginning up to the next one's."""

    start: datetime
    width: timedelta
    #: Numbers by their name, which is also their class, from the bottom up: one for each bar.
    counts: Mapping[str, Sequence[int]]
    #: What happened meanwhile.
    marks: Sequence[tuple[datetime, str]] = field(default=())

    @property
    def stop(self) -> datetime:
        """Return where the last bar ends."""
        return self.start + len(self.totals) * self.width

    @property
    def totals(self) -> list[int]:
        """Return what each bar counts altogether."""
        return [sum(numbers) for numbers in zip(*self.counts.values(), strict=True)]


class TimeBars:
    """The bars; calls `on_range` with the beginning of the first chosen one and the end of the last."""

    def __init__(self, name: str, on_range: Callable[[datetime, datetime], Any], classes: str = "") -> None:
        slider = {"role": "slider", "tabindex": "0", "aria-label": name, "aria-valuemin": "1"}
        self.box = dressed(box(f"time-bars {classes}"), props=slider)
        self._on_range = on_range
        with self.box:
            self._drawing = box("drawing").props("aria-hidden=true")
        self.box.on("range", self._choose, js_handler="(event) => emit(event.detail)")
        self.box.set_visibility(False)

    def show(self, bars: Bars | None) -> None:
        """Draw these bars; None hides them."""
        if self.box.is_deleted:
            return
        self.box.set_visibility(bars is not None)
        if bars is None:
            return
        said = data_of(bars)
        if self.box.props.get("data-bars") == said:
            return
        number = len(bars.totals)
        value = {"aria-valuemax": str(number), "aria-valuenow": str(number)}
        self.box.props.update({**value, "aria-valuetext": f"{sum(bars.totals):,} jobs", "data-bars": said})
        set_html(self._drawing, drawing_of(bars))

    async def _choose(self, event: GenericEventArguments) -> None:
        try:
            start, stop = (_EPOCH + int(at) * _MILLISECOND for at in event.args)
        except (TypeError, ValueError, OverflowError):
            return  # our script sends no such thing, and a browser may send anything
        if start < stop:
            answer = self._on_range(start, stop)
            if inspect.isawaitable(answer):
                await answer


def end_of(bars: Bars) -> Markup:
    """Return where the last bar ends, for the reader; one that grows still ends now."""
    return words("now") if bars.stop > clock.now() else moment(bars.stop, "clock")


def data_of(bars: Bars) -> str:
    """Return what the script says of the bars; times are milliseconds."""
    marks = [[_place(bars, at), label] for at, label in bars.marks]
    start, width = (round(span / _MILLISECOND) for span in (bars.start - _EPOCH, bars.width))
    counts = [list(numbers) for numbers in bars.counts.values()]
    return json.dumps({"start": start, "width": width, "names": list(bars.counts), "counts": counts, "marks": marks})


def _place(bars: Bars, at: datetime) -> float:
    return round((at - bars.start) / bars.width, 2)


def drawing_of(bars: Bars) -> Markup:
    """Return the drawing: one shape for each name."""
    number, most = len(bars.totals), max(bars.totals, default=0) or 1
    scale, tops, shapes = (100 - LEAST * len(bars.counts)) / most, [100.0] * number, []
    for name, numbers in bars.counts.items():
        path = ""
        for place, jobs in enumerate(numbers):
            if jobs:
                height = LEAST + jobs * scale
                tops[place] -= height
                path += f"M{place * _STEP} {tops[place]:.1f}h{_BAR}v{height:.1f}h-{_BAR}z"
        if path:
            shapes.append(tagged("path", d=path, classes=name))
    for at, _ in bars.marks:
        shapes.append(tagged("path", d=f"M{_place(bars, at) * _STEP:.1f} 0v100", classes="tick"))
    return tagged("svg", *shapes, viewBox=f"0 0 {number * _STEP - _STEP + _BAR} 100", preserveAspectRatio="none")
