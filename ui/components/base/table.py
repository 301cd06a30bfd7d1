"""Tables; on a phone each row becomes a block, and each cell carries its column's name."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from nicegui import ui

from ui.components.base.box import box, text


def table(name: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> AbstractContextManager[ui.element]:
    """Draw the head of a table and return the table; `numbers` names the numeric columns."""
    made = box("table", "table")
    made.props["aria-label"] = name
    with made, box(tag="thead"), box(tag="tr"):
        for column in columns:
            text(column, "num" if column in numbers else "", tag="th").props("scope=col")
        box(tag="td")  # the column of buttons has no heading
    return made


def cell(column: str = "", classes: str = "") -> ui.element:
    """Return a cell of the column with this name; without a name, the cell for the buttons."""
    made = box(classes, "td")
    if column:
        made.props["data-label"] = column
    return made


def figure(column: str) -> ui.label:
    """Return a numeric cell, to be filled with set_text."""
    made = text("", "num", tag="td")
    made.props["data-label"] = column
    return made
