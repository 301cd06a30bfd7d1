"""Jobs: every job there is, narrowed by what one asks for, with the detail of one beside the list."""

from functools import partial
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui
from nicegui.page_arguments import PageArguments

from core.errors import Invalid
from core.job_list.filters import JobFilter
from core.job_list.rows import Row, rows_by_id
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import PRIMARY, button, icon_button, refuse
from ui.components.jobs.column_menu import ColumnMenu
from ui.components.jobs.job_actions import do_to, draw_actions
from ui.components.jobs.job_detail import JobDetail
from ui.components.jobs.job_filters import FilterBar
from ui.components.jobs.job_grid import JobGrid, Menu, Shortcut
from ui.console_pages import note_address

#: More are not loaded to be retried or cancelled one by one.
MOST_SELECTED: Final = 200
_COMMANDS: Final = {"retry": "job.retry", "cancel": "job.cancel"}


async def draw(asked: PageArguments) -> None:
    """Draw the list that the address asks for."""
    ui.page_title("Jobs · Unstuck")
    params = dict(asked.query_parameters)
    opened = params.pop("job", "")
    try:
        wanted = JobFilter.from_params(params)
    except Invalid as invalid:
        wanted = JobFilter()
        refuse(f"The address asks for something that is no filter: {invalid}")
    await JobList(wanted).begin(opened)


class JobList:
    """The toolbar, the grid and the open detail, and the address that tells of all three."""

    def __init__(self, wanted: JobFilter) -> None:
        self._wanted = wanted
        self._open: UUID | None = None
        self._selected: list[Row] = []
        self._menu_for: list[str] = []
        with box("jobs") as self._screen:
            text("Jobs", "hidden-visually", tag="h1")
            with box("toolbar"):
                self._filters = FilterBar(wanted, self._narrow)
                box("grow")
                self._fresh = button("", self._reload, look=PRIMARY, icon="arrow_upward").props("aria-live=polite")
                self._fresh.set_visibility(False)
                self._actions: Part[list[Row]] = Part(self._draw_actions)
                columns = ColumnMenu()
                icon_button("refresh", "Load again", self._reload)
            with box("split") as self._split:
                with box("grid"):
                    # Columns are kept in the browser, apart for each person who signs in there.
                    self._grid = JobGrid("/api/jobs", query=wanted.to_params(), keep=f"jobs:{access.me().id}")
                    columns.follow(self._grid)
                    self._draw_menu()
                self._detail = box("detail", "aside").props('aria-label="Job"')
        self._listen()

    async def begin(self, opened: str) -> None:
        """Show the counts, and the detail that the address names."""
        self._actions.show([], key=())
        await self._filters.begin()
        if opened:
            await self._show_detail(opened)

    def _listen(self) -> None:
        self._grid.on_open(self._show_detail)
        self._grid.on_select(self._chosen)
        self._grid.on_fresh(self._fresh_came)
        self._grid.on_shortcut(self._key_pressed)
        self._grid.on_context(self._menu_asked)

    async def _narrow(self, wanted: JobFilter) -> None:
        self._wanted = wanted
        self._grid.set_query(wanted.to_params())
        self._note()

    def _note(self) -> None:
        params = self._wanted.to_params() | ({"job": str(self._open)} if self._open else {})
        note_address(f"/jobs?{urlencode(params)}" if params else "/jobs")

    async def _chosen(self, ids: list[str]) -> None:
        self._selected = await self._rows(ids)
        self._show_actions()

    async def _rows(self, ids: list[str]) -> list[Row]:
        return await access.load(rows_by_id, [UUID(each) for each in ids[:MOST_SELECTED]])

    def _show_actions(self) -> None:
        if not self._screen.is_deleted:
            self._actions.show(self._selected, key=[(row["id"], row["status"]) for row in self._selected])

    def _draw_actions(self, rows: list[Row]) -> None:
        with box("hbox"):
            if rows:
                text(f"{len(rows):,} selected", "muted nowrap")
            draw_actions(rows, self._changed)

    async def _changed(self) -> None:
        await self._chosen([row["id"] for row in self._selected])

    async def _key_pressed(self, name: Shortcut, ids: list[str]) -> None:
        if command := _COMMANDS.get(name):
            await do_to(command, await self._rows(ids), self._changed)

    def _draw_menu(self) -> None:
        with ui.context_menu().props("transition-show=none transition-hide=none"):
            ui.menu_item("Open", lambda: self._show_detail(self._menu_for[0]))
            ui.menu_item("Retry …", lambda: self._key_pressed("retry", self._menu_for))
            ui.menu_item("Cancel …", lambda: self._key_pressed("cancel", self._menu_for))
            ui.separator()
            ui.menu_item("Copy id", lambda: ui.clipboard.write("\n".join(self._menu_for)))

    def _menu_asked(self, menu: Menu) -> None:
        self._menu_for = menu.ids if menu.job_id in menu.ids else [menu.job_id]

    def _fresh_came(self, count: int) -> None:
        self._fresh.set_text(f"{count:,} new")
        self._fresh.set_visibility(count > 0)

    async def _reload(self) -> None:
        self._grid.refresh()
        await self._filters.refresh()

    async def _show_detail(self, job_id: str) -> None:
        try:
            self._open = UUID(job_id)
        except ValueError:
            return
        self._split.classes(add="open")
        self._note()
        self._detail.clear()
        with self._detail:
            with box("detail-bar"):
                text("Job", "muted grow")
                open_page = partial(ui.navigate.to, f"/jobs/{self._open}")
                icon_button("open_in_full", "Open as a page", open_page)
                icon_button("close", "Close", self._close_detail).props("data-key=Escape")
            await JobDetail(self._open).begin()

    def _close_detail(self) -> None:
        self._open = None
        self._split.classes(remove="open")
        self._detail.clear()
        self._note()
