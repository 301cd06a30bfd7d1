"""Which columns the job grid shows: a menu of them, which follows the grid."""

from functools import partial

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from ui.components.base.box import box
from ui.components.base.button import button, icon_button
from ui.components.jobs.job_grid import COLUMNS, ColumnState, JobGrid


class ColumnMenu:
    """A button with a menu; tell it which grid to follow."""

    def __init__(self) -> None:
        self._grid: JobGrid | None = None
        self._boxes: dict[str, ui.checkbox] = {}
        with icon_button("view_column", "Columns", lambda: None), ui.menu(), box("vbox columns-menu"):
            for field, name in COLUMNS.items():
                self._boxes[field] = ui.checkbox(name, value=True, on_change=partial(self._turn, field))
                self._boxes[field].props("dense")
            button("As they were", self._reset)

    def follow(self, grid: JobGrid) -> None:
        """Steer this grid from now on, and show what it shows."""
        self._grid = grid
        grid.on_columns(self._restored)

    def _turn(self, field: str, event: ValueChangeEventArguments[bool]) -> None:
        if self._grid:
            self._grid.show_column(field, visible=bool(event.value))

    def _reset(self) -> None:
        if self._grid:
            self._grid.reset_columns()

    def _restored(self, state: list[ColumnState]) -> None:
        hidden = {column["colId"] for column in state if column.get("hide")}
        for field, checkbox in self._boxes.items():
            checkbox.set_value(field not in hidden)
