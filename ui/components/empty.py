"""What a place says while there is nothing in it: what that means, and what to do next."""

from nicegui import ui

from ui.components.box import box


def empty(icon: str, title: str, words: str = "") -> ui.element:
    """Return a friendly nothing; put a button into it where there is something to do."""
    with box("empty") as made:
        ui.icon(icon).props("aria-hidden=true")
        heading = ui.label(title)
        heading.tag = "h3"
        if words:
            ui.label(words)
    return made
