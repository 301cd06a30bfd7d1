"""Tables; on a phone each row becomes a block, and each cell carries its column's name."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from nicegui import ui
from nicegui.element import Element

from ui.components.base.box import box, path_prefix
from ui.components.base.markup import lines, tagged, words


def table(name: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> AbstractContextManager[ui.element]:
    """Draw the head of a table and return the table; `numbers` names the numeric columns."""
    element = box("table", "table")
    element.props["aria-label"] = name
    heads = [words(each, "num" if each in numbers else "", "th", scope="col", data_label=each) for each in columns]
    with element:
        lines([tagged("tr", *heads, tagged("td"))], "", "thead")  # the column of buttons has no heading
    return element


def cell(column: str = "", classes: str = "") -> ui.element:
    """Return a cell of the column with this name; without a name, the cell for the buttons."""
    element = box(classes, "td")
    if column:
        element.props["data-label"] = column
    return element


class FigureCells(Element, component="figure_cells.js"):
    """Numeric cells side by side, whose figures open the rows that they count; one element for all of them."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__()
        self._columns, self._prefix = columns, path_prefix()

    def show(self, figures: Sequence[str], hrefs: Sequence[str]) -> None:
        """Show a figure in each column, with the address of its rows."""
        addresses = [f"{self._prefix}{href}" for href in hrefs]
        cells = list(zip(self._columns, figures, addresses, strict=True))
        if self.props.get("cells") != cells:
            self.props["cells"] = cells
