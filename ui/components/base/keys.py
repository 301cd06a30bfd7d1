"""The list of keys; what they do is bound in assets/console.js to whatever carries `data-key`."""

from typing import Final

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.button import button, icon_button

KEYS: Final = (
    ("Ctrl K", "go to a page, find a user, do something: from anywhere"),
    ("g o   g j   g u", "go to Overview, Jobs, Users"),
    ("g w   g q   g s", "go to Workers, Queues, Schedules"),
    ("g p", "go to Operators, for admins"),
    ("g a", "go to Audit, for admins"),
    ("/", "filter what is on the page"),
    ("j   k   ↓   ↑", "move in the list of jobs"),
    ("x   Shift j", "select; extend the selection"),
    ("Enter", "open what is selected"),
    ("r   c", "retry, cancel what is selected"),
    ("Esc", "close"),
    ("?", "this list"),
)


def keys_dialog() -> None:
    """Draw the button that opens the list of keys."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = "Keyboard"
        text("Keyboard", tag="h2").style("font-size: 15px")
        with box("facts", "dl"):
            for keys, meaning in KEYS:
                with box("hbox", "dt"):
                    for key in keys.split("   "):
                        text(key, tag="kbd")
                text(meaning, tag="dd")
        with box("actions"):
            button("Close", dialog.close)
    icon_button("keyboard", "Keyboard shortcuts", dialog.open).props("data-key=?")
