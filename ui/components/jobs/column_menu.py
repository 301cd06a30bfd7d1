"""The menu that shows and hides the columns of the job grid."""

from collections.abc import Callable
from functools import partial

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from ui.components.base.box import box
from ui.components.base.button import button, icon_button
from ui.components.jobs.columns import COLUMNS
from ui.components.jobs.job_grid import ColumnState, JobGrid
from ui.components.jobs.listed_columns import ListedColumns


class ColumnMenu:
    """A button whose menu has a tick box for each column of the grid that it follows; made when first opened."""

    def __init__(self, columns: ListedColumns, on_change: Callable[[], object]) -> None:
        self._grid: JobGrid | None = None
        self._columns, self._on_change = columns, on_change
        self._boxes: dict[str, ui.checkbox] = {}
        self._button = icon_button("view_column", "Columns", self._draw)

    def follow(self, grid: JobGrid) -> None:
        """Control this grid from now on, show which columns it shows, and keep them."""
        self._grid = grid
        grid.on_columns(self._note)

    def _draw(self) -> None:
        if self._boxes:
            return  # the menu opens and closes itself
        with self._button, ui.menu(value=True), box("vbox columns-menu"):
            for column in COLUMNS:
                shown = column.name in self._columns.shown
                tick_box = ui.checkbox(column.header, value=shown, on_change=partial(self._toggle, column.name))
                self._boxes[column.name] = tick_box.props("dense")
            button("Reset columns", self._reset)

    def _toggle(self, name: str, event: ValueChangeEventArguments[bool]) -> None:
        if self._grid and bool(event.value) != (name in self._columns.shown):
            self._grid.show_column(name, visible=bool(event.value))

    async def _reset(self) -> None:
        await self._columns.reset()
        if self._grid:
            self._grid.arrange(self._columns.layout)
        self._show()

    async def _note(self, state: list[ColumnState]) -> None:
        await self._columns.note(state)
        self._show()

    def _show(self) -> None:
        self._on_change()
        for name, tick_box in self._boxes.items():
            tick_box.set_value(name in self._columns.shown)
