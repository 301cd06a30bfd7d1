"""The columns of the job grid, one line each; the script draws them and the column menu lists them."""

from dataclasses import dataclass
from typing import Final, Literal

from core.job_list.columns import ColumnName

#: How a value is drawn: a class of grid/cells.js, by its name in grid/columns.js.
Renderer = Literal["attempt", "duration", "kind", "outcome", "status", "text", "time", "user", "wait"]
#: How a cell looks, by its name in grid/columns.js.
Look = Literal["plain", "quiet", "number", "error"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a value of the row (core/job_list/rows.py), or what the renderer makes of several."""

    name: ColumnName
    header: str
    #: Pixels.
    width: int
    renderer: Renderer
    look: Look = "plain"
    #: The row's values that the renderer reads; empty: the one called `name`.
    reads: tuple[str, ...] = ()
    min_width: int | None = None
    #: What a press on its title sorts by, in the words of core/job_list/orders.py; empty: nothing.
    sort: str = ""
    #: Whether it takes the width that the others leave.
    is_elastic: bool = False
    #: Whether it is there only once a person asks for it.
    is_hidden: bool = False
    #: Whether a narrow list, as on a phone, shows it: where, and that it does whatever is hidden, is in grid/look.js.
    is_in_narrow: bool = False


_WAIT: Final = ("status", "created_at", "run_at", "started_at")
_OUTCOME: Final = ("error", "progress_done", "progress_total", "progress_message", "status", "label")
#: In the order that a person starts with. A new column is a line here, and its value in core/job_list/rows.py.
COLUMNS: Final = (
    Column(
        "label",
        "Status",
        136,
        "status",
        reads=("label", "situation", "status", "run_at"),
        min_width=90,
        is_in_narrow=True,
    ),
    Column("kind", "Kind", 140, "kind", is_in_narrow=True),
    Column("user_email", "User", 214, "user", reads=("user_email", "user_id"), sort="user", is_in_narrow=True),
    Column("attempt", "Attempt", 78, "attempt", "number", reads=("attempt", "max_attempts"), sort="attempt"),
    Column("queue", "Queue", 96, "text", "quiet"),
    Column("created_at", "Requested", 104, "time", sort="created_at", is_in_narrow=True),
    Column("started_at", "Started", 104, "time", "quiet", sort="started_at", is_hidden=True),
    Column("waited", "Waited", 88, "wait", "number", _WAIT, sort="waited", is_hidden=True),
    Column("duration", "Duration", 88, "duration", "number", ("started_at", "finished_at", "status"), sort="took"),
    Column("worker", "Worker", 112, "text", "quiet"),
    Column("error", "Error", 260, "outcome", "error", _OUTCOME, 140, is_elastic=True, is_in_narrow=True),
)
