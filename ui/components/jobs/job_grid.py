"""The job grid: all jobs, any number of them, live, on the AG Grid that NiceGUI brings along.

What it needs from the server besides this element (see ui/live.py and ui/api/jobs.py):

- `GET url?limit&after&offset&of&sort` and the filter's parameters, answered as every list of the API is. `of` is the
  length that the grid's scrollbar stands for. 401 leads to the login page, any other error to a line with a button.
- On the page's own socket it emits `jobs:join {client_id}` after each connect, and after a reconnect loads its rows
  anew.
- It listens to `jobs:delta {rows}`, rows as core.job_list.rows has them, of any job that changed: those on the screen
  change in place; new ones that fit are counted and wait; the rest is ignored. A hidden tab ignores all, and loads anew
  when it is shown.

Keys, unless someone is typing or a dialog is open: j k (with Shift: select too), x, Enter, Escape; r c / as shortcuts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nicegui.element import Element
from nicegui.elements.aggrid import AgGrid
from nicegui.events import GenericEventArguments

#: AG Grid is served because its element was declared; ours imports the same copy.
BUNDLED: Final = AgGrid.VERSION

#: The columns by field, for a page's own choice of them; the order is the one they begin with.
COLUMNS: Final[Mapping[str, str]] = {
    "label": "Status",
    "kind": "Kind",
    "user_email": "User",
    "progress": "Progress",
    "attempt": "Attempt",
    "queue": "Queue",
    "created_at": "Created",
    "started_at": "Started",
    "duration": "Duration",
    "worker": "Worker",
    "error": "Error",
}

Shortcut = Literal["retry", "cancel", "filter"]
#: One column's place, width and visibility, as AG Grid keeps them; opaque to everybody else.
ColumnState = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Menu:
    """Where a context menu was asked for, in pixels of the window, and for which jobs."""

    job_id: str
    ids: list[str]
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Length:
    """How many jobs the filter matches; not exact: an estimate, or where counting stopped."""

    value: int
    exact: bool


class JobGrid(Element, component="job_grid.js", esm={"job-grid": "grid"}):
    """A live grid of the jobs at `url` that match `query`; `columns` restores what `on_columns` gave.

    `keep` names where the browser keeps the columns as the person left them; empty: it forgets.
    """

    def __init__(
        self,
        url: str = "/api/jobs",
        *,
        query: Mapping[str, str] | None = None,
        columns: Sequence[ColumnState] = (),
        sort: str = "-created_at",
        keep: str = "",
    ) -> None:
        super().__init__()
        self._props["url"] = url
        self._props["query"] = dict(query or {})
        self._props["columns"] = list(columns)
        self._props["sort"] = sort
        self._props["keep"] = keep

    @property
    def query(self) -> dict[str, str]:
        """Return the filter's parameters."""
        return dict(self._props["query"])

    def set_query(self, query: Mapping[str, str]) -> None:
        """Show what these parameters of the API match, from the first row."""
        self._props["query"] = {name: value for name, value in query.items() if value}

    def refresh(self) -> None:
        """Load the rows anew, the new ones too, and go to the first; the selection stays."""
        self.run_method("refresh")

    def show_column(self, field: str, *, visible: bool) -> None:
        """Show or hide a column."""
        self.run_method("show_column", field, visible)

    def reset_columns(self) -> None:
        """Bring the columns back to the order, widths and visibility they began with."""
        self.run_method("reset_columns")

    def on_select(self, act: Callable[[list[str]], Any]) -> None:
        """Call with the ids of the selected jobs, at most 1,000, whenever they change."""
        self._on("select", lambda args: act(list(args)))

    def on_open(self, act: Callable[[str], Any]) -> None:
        """Call with the id of a job that was clicked, or opened with Enter."""
        self._on("open", lambda args: act(str(args)))

    def on_fresh(self, act: Callable[[int], Any]) -> None:
        """Call with the number of new jobs that wait for `refresh`."""
        self._on("fresh", lambda args: act(int(args)))

    def on_loaded(self, act: Callable[[Length], Any]) -> None:
        """Call with the length of the list, whenever its first rows were loaded."""
        self._on("loaded", lambda args: act(Length(int(args["value"]), bool(args["exact"]))))

    def on_shortcut(self, act: Callable[[Shortcut, list[str]], Any]) -> None:
        """Call with what a key asked for, and the selected jobs or else the one at the cursor."""
        self._on("shortcut", lambda args: act(args["name"], list(args["ids"])))

    def on_context(self, act: Callable[[Menu], Any]) -> None:
        """Call when a context menu is asked for."""
        self._on("context", lambda args: act(Menu(args["id"], list(args["ids"]), args["x"], args["y"])))

    def on_columns(self, act: Callable[[list[ColumnState]], Any]) -> None:
        """Call with the state of all columns when it was restored or changed; empty: they were reset."""
        self._on("columns", lambda args: act(list(args)))

    def _on(self, event: str, act: Callable[[Any], Any]) -> None:
        def handle(event: GenericEventArguments) -> Any:
            return act(event.args)

        self.on(event, handle)
