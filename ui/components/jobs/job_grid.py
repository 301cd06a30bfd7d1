"""The job grid: all jobs, any number of them, live.

It needs more from the server than this element (see ui/live.py and ui/api/jobs.py):

- `GET url?limit&after&offset&of&sort` and the filter's parameters, answered like every list of the API. `of` is the
  length that the grid's scrollbar represents; `first_only`: the list ends at its first rows, of more that match. 401
  leads to the login page, any other error to a line with a button.
- `GET url/between?first&last` and the filter's parameters, for the ids of rows that Shift selects unloaded.
- On the page's own socket it emits `jobs:join {client_id, age}` after each connect, with the milliseconds since it
  asked for its first rows: what has changed meanwhile makes it load again. After a reconnect it does so anyway.
- It listens to `jobs:delta {rows, reload}`, with rows of core.job_list.rows for all changed jobs: rows on the screen
  change in place, new rows that match are counted and wait, others are ignored. With `reload`, it loads its rows again.
  Where a row does not show whether it matches (a search), it asks for rows newer than its first, once a second at most.
  A hidden tab ignores all deltas, and loads its rows again when it is shown.

The tick box of the header selects all loaded rows; `select_all` all that match, however many they are.

Keys, unless someone is typing or a dialog is open: j k (with Shift: select too), x, Enter, Escape; r c / as shortcuts.
In the list also arrows (with Control: to the end), Home, End, Page Up, Page Down and Space; on a title, arrows, Enter
to sort, and arrows with Shift to move it and with Alt to widen it.

A person who comes back from another page finds sort, scroll, selection and cursor as they were, if the filter is the
same.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from core.job_list.orders import NEWEST_FIRST
from core.operations import BY_NAME
from ui import design
from ui.components.base.box import dressed, path_prefix
from ui.components.jobs.columns import COLUMNS

Shortcut = Literal["retry", "cancel", "filter"]
#: One column's name, width and visibility, as core.job_list.columns.KeptColumn has them; its place is in the list.
ColumnState = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is selected: jobs by their ids, or all that match the filter, whichever they are."""

    ids: list[str]
    everything: bool = False

    @property
    def is_any(self) -> bool:
        """Whether anything is selected."""
        return self.everything or bool(self.ids)


@dataclass(frozen=True, slots=True)
class Menu:
    """The position of a context menu, in pixels of the window, and its jobs."""

    job_id: str
    chosen: Chosen
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Length:
    """The number of jobs in the list; if not exact, an estimate or where counting stopped."""

    value: int
    exact: bool
    #: Whether these are only the first ones of those that match.
    first_only: bool = False


#: Rows of a request, as in job_grid.js.
BLOCK: Final = 100
_COLUMNS: Final = [asdict(column) for column in COLUMNS]


def _begin(script: str, first_rows: str) -> str:
    """Return what loads the grid's script and first rows before the page is built, so that all are painted at once.

    Both addresses are encoded: no letter of theirs ends an attribute or a script.
    """
    asks = f"import * as grid from {json.dumps(script)}; window.jobGrid = grid; grid.begin({json.dumps(first_rows)});"
    return (
        f'<link rel="preload" as="fetch" crossorigin href="{escape(first_rows)}">'
        f'<link rel="modulepreload" href="{script}"><script type="module">{asks}</script>'
    )


class JobGrid(Element, component="job_grid.js"):
    """A live grid of the jobs at `url` that match `query`; `layout` restores columns from `on_columns`.

    `keep` is the name under which the window keeps the rows of a list that is left; empty: it forgets them.
    """

    def __init__(
        self,
        url: str = "/api/jobs",
        *,
        query: Mapping[str, str] | None = None,
        layout: Sequence[ColumnState] = (),
        sort: str = NEWEST_FIRST,
        keep: str = "",
    ) -> None:
        super().__init__()
        labels = {name: kind.label for name, kind in BY_NAME.items()}
        columns = [each | ({"labels": labels} if each["name"] == "kind" else {}) for each in _COLUMNS]
        own = {"url": url, "query": dict(query or {}), "columns": columns, "layout": list(layout), "sort": sort}
        dressed(self, props={**own, "keep": keep, "script": f"{path_prefix()}{design.url_of('job-grid.js')}"})
        # What the browser would find out one after the other; later pages have it already.
        if ui.context.client.sub_pages_router.is_initial_request:
            order = {} if sort == NEWEST_FIRST else {"sort": sort}
            # In the order and the letters of a browser's URLSearchParams: it is taken only if both are the same.
            asked = urlencode({**self._props["query"], **order, "limit": BLOCK}, safe="*").replace("~", "%7E")
            first_rows = f"{path_prefix()}{url}?{asked}"
            ui.add_head_html(_begin(self._props["script"], first_rows))

    @property
    def query(self) -> dict[str, str]:
        """Return the filter's parameters."""
        return dict(self._props["query"])

    def set_query(self, query: Mapping[str, str]) -> None:
        """Show the jobs that match these parameters of the API, from the first row."""
        self._props["query"] = {name: value for name, value in query.items() if value}

    def set_inert(self, *, inert: bool) -> None:
        """Show no row and take no key; nothing is selected then."""
        if inert:
            self._props["inert"] = True
            self.select_none()
        else:
            self._props.pop("inert", None)
        self.update()

    def refresh(self) -> None:
        """Load all rows again, with the new ones, and go to the first; the selection stays."""
        self.run_method("refresh")

    def show_column(self, name: str, *, visible: bool) -> None:
        """Show or hide a column."""
        self.run_method("show_column", name, visible)

    def sort_by(self, sort: str) -> None:
        """Show the jobs in another order, from the first row."""
        self.run_method("sort_by", sort)

    def arrange(self, layout: Sequence[ColumnState]) -> None:
        """Arrange the columns as `on_columns` gave them; nothing: as everyone begins."""
        self.run_method("arrange", list(layout))

    def select_all(self) -> None:
        """Select all that match."""
        self.run_method("select_all")

    def select_none(self) -> None:
        """Select nothing."""
        self.run_method("select_none")

    def on_select(self, act: Callable[[Chosen], Any]) -> None:
        """Call with what is selected when that changes."""
        self._on("select", _chosen, act)

    def on_refused(self, act: Callable[[str], Any]) -> None:
        """Call with a sentence that says why the selection stays as it was."""
        self._on("refused", lambda args: str(args)[:300], act)

    def on_open(self, act: Callable[[str], Any]) -> None:
        """Call with the id of a job that is clicked, or opened with Enter."""
        self._on("open", _id, act)

    def on_follow(self, act: Callable[[str], Any]) -> None:
        """Call with the id of a job at which the cursor rests after it was moved by keys."""
        self._on("follow", _id, act)

    def on_sort(self, act: Callable[[str], Any]) -> None:
        """Call with the order of the list when a person changes it: a column's name, after - if it falls."""
        self._on("sort", str, act)

    def on_fresh(self, act: Callable[[int], Any]) -> None:
        """Call with the number of new jobs that wait for `refresh`."""
        self._on("fresh", int, act)

    def on_loaded(self, act: Callable[[Length], Any]) -> None:
        """Call with the length of the list each time its first rows are loaded."""
        self._on("loaded", _length, act)

    def on_shortcut(self, act: Callable[[Shortcut, Chosen], Any]) -> None:
        """Call with the shortcut of a pressed key, and the selected jobs or else the one at the cursor."""
        self._on("shortcut", lambda args: (str(args["name"]), _chosen(args)), lambda args: act(*args))

    def on_context(self, act: Callable[[Menu], Any]) -> None:
        """Call when a person opens the context menu."""
        self._on("context", _menu, act)

    def on_columns(self, act: Callable[[list[ColumnState]], Any]) -> None:
        """Call with the state of all columns after a person has changed one."""
        self._on("columns", lambda args: [{**column, "name": str(column["name"])} for column in args], act)

    def _on(self, event: str, read: Callable[[Any], Any], act: Callable[[Any], Any]) -> None:
        def handle(event: GenericEventArguments) -> Any:
            try:
                values = read(event.args)
            except (TypeError, ValueError, KeyError, OverflowError, AttributeError):
                return None  # our script sends no such thing, and a browser may send anything
            return act(values)

        self.on(event, handle)


def _id(text: object) -> str:
    """Return the id of a job from a browser. Raises ValueError if it is none."""
    return str(UUID(str(text)))


def _chosen(args: Mapping[str, Any]) -> Chosen:
    return Chosen([_id(each) for each in args["ids"].split(",") if each], bool(args["everything"]))


def _length(args: Mapping[str, Any]) -> Length:
    return Length(int(args["value"]), bool(args["exact"]), bool(args.get("first_only")))


def _menu(args: Mapping[str, Any]) -> Menu:
    return Menu(_id(args["id"]), _chosen(args), float(args["x"]), float(args["y"]))
