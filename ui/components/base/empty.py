"""Empty states: what the emptiness means, and what to do next."""

from nicegui import ui

from ui.components.base.box import box, text


def empty(icon: str, title: str, hint: str = "", *, heading: str = "h3") -> ui.element:
    """Return an empty state; add a button to it if there is something to do.

    `heading` is the HTML level of its title.
    """
    with box("empty") as element:
        ui.icon(icon).props("aria-hidden=true")
        text(title, "heading", tag=heading)
        if hint:
            ui.label(hint)
    return element
