"""The dialog with all keys; assets/console.js binds each to the element that carries it as `data-key`."""

from typing import Final

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.button import button
from ui.page import Places

_PALETTE: Final = ("Ctrl K",), "go to a page, find a user or run a command, from anywhere"
_ON_PAGES: Final = (
    (("/",), "filter the page"),
    (("j", "k", "↓", "↑"), "move in the list of jobs"),
    (("x", "Shift j"), "select; extend the selection"),
    (("Enter",), "open the selected job"),
    (("r", "c"), "retry, cancel the selected jobs"),
    (("f",), "do what the diagnosis recommends"),
    (("z",), "undo what was just done, while its message is shown"),
    (("Ctrl Enter",), "send a dialog, from each of its fields; Enter from a field of one line"),
    (("Esc",), "leave a field, close"),
    (("↓", "Enter"), "from the search to what was found, and open it"),
    (("?",), "show this list"),
)
#: Pages that share a line of the dialog.
_PAGES_PER_LINE: Final = 3


def keys_dialog(navigation: Places) -> ui.dialog:
    """Draw the list of keys, with the pages of this person's navigation."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = "Keyboard"
        text("Keyboard", tag="h2").style("font-size: 15px")
        with box("facts", "dl"):
            for keys, effect in (_PALETTE, *_page_keys(navigation), *_ON_PAGES):
                with box("hbox", "dt"):
                    for key in keys:
                        text(key, tag="kbd")
                text(effect, tag="dd")
        with box("actions"):
            button("Close", dialog.close)
    return dialog


def _page_keys(navigation: Places) -> list[tuple[tuple[str, ...], str]]:
    lines = [navigation[start : start + _PAGES_PER_LINE] for start in range(0, len(navigation), _PAGES_PER_LINE)]
    return [
        (tuple(f"g {place.key}" for _, place in line), "go to " + ", ".join(page.title for page, _ in line))
        for line in lines
    ]
