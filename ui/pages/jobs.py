"""Jobs: the list of all jobs with its filter, and the detail of one job beside it."""

from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui
from nicegui.page_arguments import PageArguments

from core.errors import Invalid, NotAFilter, NotFound
from core.export import Format
from core.job_list import language
from core.job_list.addresses import address_of
from core.job_list.counts import Total
from core.job_list.filters import JobFilter
from core.job_list.orders import NEWEST_FIRST, SORTS, order_words
from core.wording import cited
from ui import access
from ui.components.base.box import Part, box, dressed, text
from ui.components.base.button import PRIMARY, button, icon_button, refuse
from ui.components.base.empty import empty
from ui.components.jobs.bulk_menu import BulkMenu
from ui.components.jobs.column_menu import ColumnMenu
from ui.components.jobs.export_menu import ExportMenu, export_filter
from ui.components.jobs.job_detail import JobDetail
from ui.components.jobs.job_filters import FilterBar
from ui.components.jobs.job_grid import Chosen, JobGrid, Length, Menu, Shortcut
from ui.components.jobs.job_histogram import JobHistogram
from ui.components.jobs.listed_columns import ListedColumns
from ui.components.jobs.more_menu import more_menu
from ui.components.jobs.selection_bar import SelectionBar
from ui.components.jobs.view_menu import Presented, view_menu
from ui.console_pages import Change, note_address
from ui.pages.user import uuid_of

#: What an address says besides the filter: the open job, the order and the columns.
_BESIDES: Final = ("job", "sort", "columns")
_COMMANDS: Final = {"retry": "job.retry", "cancel": "job.cancel"}


async def draw(arguments: PageArguments) -> None:
    """Draw the list with the filter in the URL."""
    given, problem = arguments.query_parameters, ""
    opened, sort, named = (given.get(name, "") for name in _BESIDES)
    try:
        job_filter = JobFilter.from_params({name: given.getlist(name) for name in given if name not in _BESIDES})
        typed = language.free_text(job_filter.q or "")
    except NotAFilter as refusal:  # of the text, or of it beside other parameters, which the search does not see
        job_filter, typed, problem = JobFilter(), given.get("q", ""), refusal.detail.rstrip(".")
    except Invalid as invalid:
        job_filter, typed, problem = JobFilter(), "", f"Unknown filter in the URL: {invalid.detail.rstrip('.')}"
    columns = await ListedColumns.load(named)
    await JobList(job_filter, typed, _known(sort), columns, problem).begin(opened)


class JobList:
    """The toolbar, the grid and the open detail, all three reflected in the URL."""

    def __init__(self, job_filter: JobFilter, typed: str, sort: str, columns: ListedColumns, problem: str) -> None:
        """`typed` is the text in the search; `problem` is what is wrong with the address."""
        self._filter = job_filter
        self._problem = ""
        self._sort, self._columns = sort, columns
        self._is_whole = False  # whether all that match are in the list, in this order
        self._open: UUID | None = None
        self._menu_for: Menu | None = None
        with box("jobs") as self._screen:
            text("Jobs", "hidden-visually", tag="h1")
            with box():
                menu = self._draw_toolbar(typed, problem)
                with self._filters.draw_others():
                    menu.draw_chip()
                self._histogram = JobHistogram(self._filters.narrow)
            with box("split") as self._split:
                with box("grid"):
                    keep, query = f"jobs:{access.me().id}", self._filter.to_params()
                    self._grid = JobGrid("/api/jobs", query=query, layout=columns.layout, sort=sort, keep=keep)
                    menu.follow(self._grid)
                    self._bar = SelectionBar(self._grid, self._exported)
                    self._refusal: Part[str] = Part(_draw_refusal, "refusal")
                    self._draw_menu()
                splitter = {"role": "separator", "tabindex": "0", "aria-orientation": "vertical"}
                dressed(box("splitter"), props={**splitter, "aria-label": "Width of the job", "aria-valuenow": "400"})
                self._detail = box("detail", "aside").props('aria-label="Job"')
        self._listen()
        self._show_problem(self._filters.problem)

    def _draw_toolbar(self, typed: str, problem: str) -> ColumnMenu:
        with box("toolbar"):
            self._filters = FilterBar(self._filter, typed, self._apply_filter, self._show_problem, problem)
            box("grow")
            self._new_rows = button("0 new", self._reload, look=PRIMARY, icon="arrow_upward")
            self._new_rows.classes("news").props("aria-live=polite")
            self._new_rows.set_visibility(False)
            columns = ColumnMenu(self._columns, self._sorted_by, lambda: self._update_url("same"))
            view_menu(self._present)
            acts = BulkMenu(self._params)
            ExportMenu(self._export)
            icon_button("refresh", "Refresh", self._reload)
            more_menu(self._present, acts, self._export, self._reload, self._sort_by)
        return columns

    async def begin(self, opened: str) -> None:
        """Show the counts, and the detail that the URL names."""
        await self._filters.begin()
        if opened:
            await self._show_detail(opened, change="same")

    def _listen(self) -> None:
        self._grid.on_open(self._show_detail)
        self._grid.on_follow(self._follow)
        self._grid.on_sort(self._note_sort)
        self._grid.on_fresh(self._show_new_rows)
        self._grid.on_shortcut(self._run_shortcut)
        self._grid.on_context(self._open_menu)
        # After the first rows, for which nobody waits longer.
        self._grid.on_loaded(self._note_loaded)

    async def _apply_filter(self, job_filter: JobFilter, change: Change) -> None:
        self._filter = job_filter
        self._histogram.wait()
        self._grid.set_query(job_filter.to_params())
        self._update_url(change)

    async def _note_loaded(self, length: Length) -> None:
        total, self._is_whole = Total(length.value, exact=length.exact), not length.first_only
        self._filters.show_length(total, first_only=length.first_only, order=order_words(self._sort))
        await self._histogram.follow(self._filter)

    def _show_problem(self, problem: str) -> None:
        """While what a person wants is no filter, show no job: those of another filter would look like the answer."""
        if problem == self._problem or self._screen.is_deleted:
            return
        self._problem = problem
        self._screen.classes(add="refused") if problem else self._screen.classes(remove="refused")
        self._grid.set_inert(inert=bool(problem))
        self._refusal.show(problem, key=problem)
        if not problem:
            self._update_url("same")  # what was no filter is not in the address of the jobs that are shown now

    def _export(self, to: Format) -> None:
        if self._problem:
            refuse(f"{self._problem}.")
        else:
            export_filter(self._exported(), to)

    def _exported(self) -> dict[str, str]:
        """Return what a file of all that match is asked for with: in the list's order, if that has all of them."""
        params = self._params()
        return params if self._is_whole else {name: value for name, value in params.items() if name != "sort"}

    def _sorted_by(self) -> str:
        """Return what a column shows that the list is sorted by; the order that it has by itself needs none."""
        return "" if self._sort == NEWEST_FIRST else self._sort.removeprefix("-")

    def _sort_by(self, sort: str) -> None:
        self._grid.sort_by(sort)

    def _note_sort(self, sort: str) -> None:
        self._sort, self._is_whole = _known(sort), False
        self._update_url()

    def _present(self) -> Presented:
        return Presented(self._filters.refused or self._filter.to_text(), self._sort, self._columns)

    def _params(self) -> dict[str, str]:
        order = {"sort": self._sort} if self._sort != NEWEST_FIRST else {}
        refused = {"q": typed} if (typed := self._filters.refused) else {}  # whatever acts on it is refused as well
        return self._filter.to_params() | refused | order

    def _update_url(self, change: Change = "step") -> None:
        text, columns = self._filters.refused or self._filter.to_text(), self._columns.params.get("columns", "")
        opened = str(self._open) if self._open else ""
        note_address(address_of(text, self._sort, columns.split(",") if columns else (), opened), change=change)

    async def _run_shortcut(self, name: Shortcut, chosen: Chosen) -> None:
        if (command := _COMMANDS.get(name)) and chosen.is_any:
            await self._bar.act(command, chosen)

    def _draw_menu(self) -> None:
        with ui.context_menu().props("transition-show=none transition-hide=none"):
            ui.menu_item("Open", self._open_job_of_menu)
            ui.menu_item("Retry …", lambda: self._act_of_menu("job.retry"))
            ui.menu_item("Cancel …", lambda: self._act_of_menu("job.cancel"))
            ui.separator()
            ui.menu_item("Copy id", self._copy_of_menu)

    def _copy_of_menu(self) -> None:
        if self._menu_for:
            ui.clipboard.write("\n".join(self._menu_for.chosen.ids) or self._menu_for.job_id)

    def _open_menu(self, menu: Menu) -> None:
        self._menu_for = menu

    async def _open_job_of_menu(self) -> None:
        if self._menu_for:
            await self._show_detail(self._menu_for.job_id)

    async def _act_of_menu(self, command: str) -> None:
        if self._menu_for:
            await self._bar.act(command, self._menu_for.chosen)

    def _show_new_rows(self, count: int) -> None:
        self._new_rows.set_text(f"{count:,} new")
        self._new_rows.set_visibility(count > 0)

    async def _reload(self) -> None:
        self._grid.refresh()
        await self._filters.refresh()

    async def _follow(self, job_id: str) -> None:
        """Show the job at the cursor in place of the one that is open; Back leads to the list before both."""
        if self._open and self._open != UUID(job_id):
            await self._show_detail(job_id, change="same")

    async def _show_detail(self, job_id: str, change: Change = "step") -> None:
        try:
            self._open = UUID(job_id)
        except ValueError:
            self._open = None
        self._split.classes(add="open")
        if self._open:
            self._update_url(change)
        self._detail.clear()
        with self._detail:
            with box("detail-bar"):
                text("Job", "muted grow")
                if self._open:
                    open_page = partial(ui.navigate.to, f"/jobs/{self._open}")
                    icon_button("open_in_full", "Open as page", open_page)
                icon_button("close", "Close", self._close_detail).props("data-key=Escape")
            try:
                await JobDetail(uuid_of(job_id)).begin()
            except NotFound as missing:
                empty("search_off", "There is no such job", str(missing))

    def _close_detail(self) -> None:
        self._open = None
        self._split.classes(remove="open")
        self._detail.clear()
        self._update_url()


def _known(sort: str) -> str:
    """Return an order that the list has. An address may name any: the list says which one it is in."""
    if sort and sort not in SORTS:
        refuse(f"The list has no order {cited(sort)}, so the newest jobs come first.")
    return sort if sort in SORTS else NEWEST_FIRST


def _draw_refusal(problem: str) -> None:
    if problem:
        with empty("search_off", "Correct the filter to see jobs"):
            button("Show all jobs", lambda: ui.navigate.to("/jobs"))
