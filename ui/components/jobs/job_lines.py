"""Jobs as a short list, for pages about another subject."""

from collections.abc import Sequence

from core.job_list.rows import Row
from ui.components.base.box import box, link, text
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text


def job_lines(rows: Sequence[Row]) -> None:
    """Draw jobs in the order given, each a link to its page."""
    with box("rows jobs"):
        for row in rows:
            with link(f"/jobs/{row['id']}"):
                state_chip(row["label"])
                text(row["kind"], "clip")
                text(row["error"] or row["progress_message"] or "", "clip muted extra")
                time_text(row["created_at"], classes="muted")
