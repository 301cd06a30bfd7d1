"""The menu that a phone has in place of the buttons above the list of jobs: all of them, but for the columns.

A narrow list has fixed parts in two lines.
"""

from collections.abc import Callable
from functools import partial

from nicegui import ui

from core.job_list.orders import SORTS, order_words
from ui.components.base.box import text
from ui.components.base.button import icon_button
from ui.components.base.confirm import FIELD_NAME
from ui.components.base.open_form import Act, Then, open_form
from ui.components.jobs.bulk_menu import BulkMenu
from ui.components.jobs.export_menu import Save, draw_formats
from ui.components.jobs.view_menu import Present, Views


def more_menu(
    present: Present, acts: BulkMenu, save: Save, reload: Callable[[], object], sort_by: Callable[[str], object]
) -> ui.button:
    """Return the button; what it has is made when it is first pressed."""
    views = Views(present)

    async def draw() -> None:
        if views.is_drawn:
            return  # the menu opens and closes itself
        with element, ui.menu(value=True).classes("more-menu"):
            ui.menu_item("Refresh", reload)
            ui.menu_item("Sort …", lambda: open_form("Sort the jobs", "Sort", partial(_draw_orders, present, sort_by)))
            draw_formats(save)
            acts.draw_acts()
            ui.separator()
            text("Views", "muted heading", tag="div")
            await views.draw()

    element = icon_button("more_vert", "More actions", draw)
    return element.classes("only-narrow")


def _draw_orders(present: Present, sort_by: Callable[[str], object]) -> Act:
    orders = {sort: order_words(sort) or "newest first" for sort in SORTS}
    chosen = ui.select(orders, value=present().sort).props("outlined dense options-dense").classes("field")
    chosen.props.update({"aria-label": "Order", FIELD_NAME: "sort"})

    async def act() -> Then | None:
        sort_by(str(chosen.value))
        return None

    return act
