"""The columns of the job grid, one line each; the script draws them and the column menu lists them."""

from dataclasses import dataclass
from typing import Final, Literal

#: How a value is drawn: a class of grid/cells.js, by its name in grid/columns.js.
Renderer = Literal["attempt", "duration", "kind", "progress", "status", "text", "time", "user"]
#: How a cell looks, by its name in grid/columns.js.
Look = Literal["plain", "quiet", "number", "error"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a value of the row (core/job_list/rows.py), or what the renderer makes of several."""

    name: str
    header: str
    #: Pixels.
    width: int
    renderer: Renderer
    look: Look = "plain"
    #: The row's values that the renderer reads; empty: the one called `name`.
    reads: tuple[str, ...] = ()
    min_width: int | None = None
    is_sortable: bool = False
    #: Whether it takes the width that the others leave.
    is_elastic: bool = False


#: In the order that a person starts with. A new column is a line here, and its value in core/job_list/rows.py.
COLUMNS: Final = (
    Column("label", "Status", 136, "status", reads=("label", "situation", "status", "run_at"), min_width=90),
    Column("kind", "Kind", 124, "kind"),
    Column("user_email", "User", 214, "user", reads=("user_email", "user_id")),
    Column("progress", "Progress", 104, "progress", reads=("progress_done", "progress_total", "label")),
    Column("attempt", "Attempt", 66, "attempt", "number", reads=("attempt", "max_attempts")),
    Column("queue", "Queue", 78, "text", "quiet"),
    Column("created_at", "Requested", 104, "time", is_sortable=True),
    Column("started_at", "Started", 104, "time", "quiet"),
    Column("duration", "Duration", 88, "duration", "number", reads=("started_at", "finished_at", "status")),
    Column("worker", "Worker", 112, "text", "quiet"),
    Column("error", "Error", 260, "text", "error", min_width=140, is_elastic=True),
)
