"""Figures in columns; on a phone each row becomes a block whose cells carry their column's name."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from nicegui import ui

from ui.components.base.box import box, text


def table(name: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> AbstractContextManager[ui.element]:
    """Draw the head of a table, and return where its body goes; `numbers` names the columns of figures."""
    made = box("table", "table")
    made.props["aria-label"] = name
    with made, box(tag="thead"), box(tag="tr"):
        for column in columns:
            text(column, "num" if column in numbers else "", tag="th").props("scope=col")
        box(tag="td")  # the buttons need no heading
    return made


def cell(column: str = "", classes: str = "") -> ui.element:
    """Return a cell of the column with this name; without a name: the one with the buttons."""
    made = box(classes, "td")
    if column:
        made.props["data-label"] = column
    return made


def figure(column: str) -> ui.label:
    """Return a cell that holds a number; set its text."""
    made = text("", "num", tag="td")
    made.props["data-label"] = column
    return made
