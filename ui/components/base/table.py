"""Tables; on a phone each row becomes a block, and each cell carries its column's name."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from nicegui import ui

from ui.components.base.box import box, dressed, link, path_prefix, text


def table(name: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> AbstractContextManager[ui.element]:
    """Draw the head of a table and return the table; `numbers` names the numeric columns."""
    element = box("table", "table")
    element.props["aria-label"] = name
    with element, box(tag="thead"), box(tag="tr"):
        for column in columns:
            heading = text(column, "num" if column in numbers else "", tag="th")
            heading.props.update({"scope": "col", "data-label": column})
        box(tag="td")  # the column of buttons has no heading
    return element


def cell(column: str = "", classes: str = "") -> ui.element:
    """Return a cell of the column with this name; without a name, the cell for the buttons."""
    element = box(classes, "td")
    if column:
        element.props["data-label"] = column
    return element


class Figure:
    """A numeric cell, whose figure opens the rows that it counts."""

    def __init__(self, column: str) -> None:
        self._prefix = path_prefix()
        with dressed(box("num", "td"), props={"data-label": column}):
            self._link = link("/", "figure", " ")

    def show(self, figure: str, href: str) -> None:
        """Show the figure, with the address of its rows."""
        self._link.set_text(figure)
        if self._link.props["href"] != (address := f"{self._prefix}{href}"):
            self._link.props["href"] = address
            self._link.update()
