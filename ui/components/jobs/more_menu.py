"""The menu that a phone has in place of the buttons above the list of jobs: all of them, but for the columns.

A narrow list has fixed parts in two lines.
"""

from collections.abc import Callable

from nicegui import ui

from ui.components.base.box import text
from ui.components.base.button import icon_button
from ui.components.jobs.bulk_menu import BulkMenu
from ui.components.jobs.export_menu import Save, draw_formats
from ui.components.jobs.view_menu import Present, Views


def more_menu(present: Present, acts: BulkMenu, save: Save, reload: Callable[[], object]) -> ui.button:
    """Return the button; what it has is made when it is first pressed."""
    views = Views(present)

    async def draw() -> None:
        if views.is_drawn:
            return  # the menu opens and closes itself
        with element, ui.menu(value=True).classes("more-menu"):
            ui.menu_item("Refresh", reload)
            draw_formats(save)
            acts.draw_acts()
            ui.separator()
            text("Views", "muted heading", tag="div")
            await views.draw()

    element = icon_button("more_vert", "More actions", draw)
    return element.classes("only-narrow")
