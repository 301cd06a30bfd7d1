"""The last day of a queue or a kind: bars of what finished in each hour, which open its figures."""

from datetime import datetime

from core.queues.last_day import HOUR, HourlyEndings
from ui.components.analytics.recent_chart import OUTCOMES
from ui.components.base.markup import anchor, set_html
from ui.components.base.table import cell
from ui.components.base.time_bars import Bars, data_of, drawing_of

COLUMN = "By hour"


class LastDay:
    """A cell with the bars; an hour in which most jobs finished is as high as the cell, each in its own measure."""

    def __init__(self) -> None:
        self.box = cell(COLUMN)

    def show(self, ended: HourlyEndings, since: datetime, figures: str) -> None:
        """Show what finished since then; `figures` is the address of the figures of all these jobs."""
        bars = Bars(since, HOUR, {outcome: ended.of_hours(outcome) for outcome in OUTCOMES})
        if any(bars.totals):
            said = f"{sum(bars.totals):,} jobs finished in the last day, at most {max(bars.totals):,} in an hour"
            # Pointing at a bar says what that hour counts (assets/bars.js).
            spoken = {"aria_label": f"Figures: {said}", "title": said, "data_hours": data_of(bars)}
            set_html(self.box, anchor(figures, drawing_of(bars), classes="hour-bars", **spoken))
        else:
            set_html(self.box)
