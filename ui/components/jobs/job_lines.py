"""Jobs as a short list, for pages about another subject."""

from collections.abc import Sequence

from markupsafe import Markup

from core.job_list.rows import Row
from core.models import JobStatus
from ui.components.base.kind_words import kind_words
from ui.components.base.markup import anchor, lines, moment, words
from ui.components.base.state_chip import job_words


def job_lines(rows: Sequence[Row]) -> None:
    """Draw jobs in the order given, each a link to its page."""
    lines([_line(row) for row in rows], "rows jobs")


def shown_of_line(row: Row) -> tuple[object, ...]:
    """Return what the line of a job shows, so that it is drawn anew only with something else."""
    return row["id"], row["label"], row["situation"], _latest(row)


def _line(row: Row) -> Markup:
    return anchor(
        f"/jobs/{row['id']}",
        job_words(row["label"], row["situation"]),
        kind_words(row["kind"], "clip"),
        words(_latest(row), "clip muted extra"),
        moment(row["created_at"], classes="muted"),
    )


def _latest(row: Row) -> str:
    """Return what became of a job last: of a running one its progress, for its error is an earlier attempt's."""
    return _progress(row) if row["status"] == JobStatus.RUNNING else row["error"] or _progress(row)


def _progress(row: Row) -> str:
    """Return how far a job is or has come; what one that ended early has done was undone, or put right by hand."""
    return "" if row["status"] in (JobStatus.FAILED, JobStatus.CANCELLED) else row["progress_message"] or ""
