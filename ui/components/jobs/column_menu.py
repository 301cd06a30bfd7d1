"""The menu that shows and hides the columns of the job grid."""

from collections.abc import Callable
from functools import partial

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from core.errors import Refused
from ui.components.base.box import box, text
from ui.components.base.button import button, icon_button, refuse_with
from ui.components.base.markup import icon, words
from ui.components.base.state_chip import chip_of, set_pressed
from ui.components.jobs.columns import COLUMNS, Column
from ui.components.jobs.job_grid import ColumnState, JobGrid
from ui.components.jobs.listed_columns import ListedColumns


class ColumnMenu:
    """A button whose menu has a tick box for each column of the grid that it follows; made when first opened."""

    def __init__(self, columns: ListedColumns, sorted_by: Callable[[], str], on_change: Callable[[], object]) -> None:
        self._grid: JobGrid | None = None
        self._columns, self._sorted_by, self._on_change = columns, sorted_by, on_change
        self._boxes: dict[str, ui.checkbox] = {}
        self._button = icon_button("view_column", "Columns", self._draw)

    def follow(self, grid: JobGrid) -> None:
        """Control this grid from now on, show which columns it shows, and keep them."""
        self._grid = grid
        grid.on_columns(self._note)

    def draw_chip(self) -> None:
        """Say here that the columns are not a person's own; pressing it returns to those."""
        self._chip = chip_of(words("Columns of this link"), icon("close")).on("click", self._reset)
        set_pressed(self._chip, pressed=True)
        self._chip.classes("columns").props["aria-label"] = "Remove columns of this link"
        self._show()

    def _draw(self) -> None:
        if not self._boxes:  # the menu opens and closes itself
            with self._button, ui.menu(value=True), box("vbox columns-menu"):
                for column in COLUMNS:
                    tick_box = ui.checkbox(column.header, on_change=partial(self._toggle, column))
                    self._boxes[column.name] = tick_box.props("dense")
                text("Drag a title to move it. By keyboard: Shift and an arrow move it, Alt widens it.", "help")
                self._reset_button = button("Reset columns", self._reset)
        self._show()

    def _is_shown(self, column: Column) -> bool:
        return column.name in self._columns.shown or self._is_sorted(column)

    def _is_sorted(self, column: Column) -> bool:
        """Return whether the list is sorted by it, which shows it whatever a person has chosen."""
        return bool(column.sort) and column.sort == self._sorted_by()

    def _toggle(self, column: Column, event: ValueChangeEventArguments[bool]) -> None:
        if self._grid and bool(event.value) != self._is_shown(column):
            self._grid.show_column(column.name, visible=bool(event.value))

    async def _reset(self) -> None:
        await self._columns.reset()
        if self._grid:
            self._grid.arrange(self._columns.layout)
        self._on_change()
        self._show()

    async def _note(self, state: list[ColumnState]) -> None:
        try:
            await self._columns.note(state)
        except Refused as refusal:
            refuse_with(refusal)
        self._on_change()
        self._show()

    def _show(self) -> None:
        self._chip.set_visibility(self._columns.of_address)
        if not self._boxes:
            return
        for column in COLUMNS:
            tick_box = self._boxes[column.name]
            tick_box.set_value(self._is_shown(column))
            tick_box.set_enabled(not self._is_sorted(column))
        self._reset_button.set_text("Back to my columns" if self._columns.of_address else "Reset columns")
