"""A worker's memory: how much it uses, and the curve of the last day."""

from markupsafe import Markup

from core.jobs.memory_curve import QUARTER
from core.models import Worker
from core.wording import spoken
from ui.components.base.box import box
from ui.components.base.markup import set_html, tagged, words


class Memory:
    """The number with its curve, from nothing up to the most that was used."""

    def __init__(self) -> None:
        self.box = box("memory muted")

    def show(self, worker: Worker) -> None:
        """Show what it uses now, and what it has used."""
        if worker.memory_mb is None:
            set_html(self.box, words("memory unknown yet"))
            return
        most = [used for used in worker.memory_curve if isinstance(used, int)]  # a hand may have written others
        drawn = [curve_of(most)] if len(most) > 1 else []
        set_html(self.box, *drawn, words(f"{worker.memory_mb:,} MB"))


def curve_of(most: list[int]) -> Markup:
    """Return the drawing of what was used in each quarter of an hour; a leak rises to its end."""
    top, least = max(*most, 1), min(most)
    points = " ".join(f"{place},{100 - 96 * used / top:.0f}" for place, used in enumerate(most))
    line = tagged("polyline", points=points)
    said = f"{least:,} to {max(most):,} MB in the last {spoken(len(most) * QUARTER)}"
    drawing = tagged("svg", line, viewBox=f"0 0 {len(most) - 1} 100", preserveAspectRatio="none", aria_hidden="true")
    return tagged("span", drawing, classes="memory-curve", title=said, role="img", aria_label=said)
