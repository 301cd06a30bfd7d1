"""What a place says while there is nothing in it: what that means, and what to do next."""

from nicegui import ui

from ui.components.base.box import box, text


def empty(icon: str, title: str, words: str = "", *, heading: str = "h3") -> ui.element:
    """Return a friendly nothing; put a button into it where there is something to do.

    `heading` is the level of its title below the ones before it.
    """
    with box("empty") as made:
        ui.icon(icon).props("aria-hidden=true")
        text(title, "heading", tag=heading)
        if words:
            ui.label(words)
    return made
