"""The menu that shows and hides the columns of the job grid."""

from functools import partial
from typing import Final

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from ui.components.base.box import box
from ui.components.base.button import button, icon_button
from ui.components.jobs.columns import COLUMNS
from ui.components.jobs.job_grid import ColumnState, JobGrid

_FIRST_HIDDEN: Final = frozenset(column.name for column in COLUMNS if column.is_hidden)


class ColumnMenu:
    """A button whose menu has a tick box for each column of the grid that it follows; made when first opened."""

    def __init__(self) -> None:
        self._grid: JobGrid | None = None
        self._hidden = _FIRST_HIDDEN
        self._boxes: dict[str, ui.checkbox] = {}
        self._button = icon_button("view_column", "Columns", self._draw)

    def follow(self, grid: JobGrid) -> None:
        """Control this grid from now on, and show which columns it shows."""
        self._grid = grid
        grid.on_columns(self._show_state)

    def _draw(self) -> None:
        if self._boxes:
            return  # the menu opens and closes itself
        with self._button, ui.menu(value=True), box("vbox columns-menu"):
            for column in COLUMNS:
                visible = column.name not in self._hidden
                tick_box = ui.checkbox(column.header, value=visible, on_change=partial(self._toggle, column.name))
                self._boxes[column.name] = tick_box.props("dense")
            button("Reset columns", self._reset)

    def _toggle(self, name: str, event: ValueChangeEventArguments[bool]) -> None:
        if self._grid:
            self._grid.show_column(name, visible=bool(event.value))

    def _reset(self) -> None:
        if self._grid:
            self._grid.reset_columns()

    def _show_state(self, state: list[ColumnState]) -> None:
        hidden = frozenset(column["colId"] for column in state if column.get("hide"))
        self._hidden = hidden if state else _FIRST_HIDDEN
        for name, tick_box in self._boxes.items():
            tick_box.set_value(name not in self._hidden)
