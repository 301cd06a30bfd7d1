"""Jobs as a short list, for pages about another subject."""

from collections.abc import Sequence

from markupsafe import Markup

from core.diagnosis.situation import Situation
from core.job_list.rows import Row
from ui import design
from ui.components.base.markup import anchor, lines, moment, words
from ui.components.base.state_chip import state_words


def job_lines(rows: Sequence[Row]) -> None:
    """Draw jobs in the order given, each a link to its page."""
    lines([_line(row) for row in rows], "rows jobs")


def _line(row: Row) -> Markup:
    # As in the list of all jobs: the failure is one that has been dealt with.
    is_handled = row["situation"] == Situation.HANDLED
    return anchor(
        f"/jobs/{row['id']}",
        words(f"{row['label']} ✓", f"state {design.IDLE}") if is_handled else state_words(row["label"]),
        words(row["kind"], "clip"),
        words(row["error"] or row["progress_message"] or "", "clip muted extra"),
        moment(row["created_at"], classes="muted"),
    )
