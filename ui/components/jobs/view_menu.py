"""The menu of views: those that everyone has, one's own and the shared ones, and saving the present one."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from nicegui import ui

from core.job_list.orders import order_words
from core.job_list.views import ViewForm, ViewLine, views_of
from core.models import Role
from ui import access
from ui.components.base.box import Part, box, link, text
from ui.components.base.button import button, icon_button, say
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act, Then, open_form
from ui.components.jobs.listed_columns import ListedColumns


class Presented(NamedTuple):
    """What a list shows: its filter as text, its order and its columns."""

    filter: str
    sort: str
    columns: ListedColumns


Present = Callable[[], Presented]


def view_menu(present: Present) -> ui.button:
    """Return a button whose menu has the views; `present` returns what the list shows."""
    views = Views(present)

    async def draw() -> None:
        if not views.is_drawn:  # the menu opens and closes itself
            with element, ui.menu(value=True):
                await views.draw()

    element = icon_button("bookmark", "Views", draw)
    return element


class Views:
    """The views, in a menu of their own or in one with other things: read when first drawn, and after each change."""

    def __init__(self, present: Present) -> None:
        """`present` returns what the list shows."""
        self._present = present
        self._lines: Part[list[ViewLine]] | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether they have their place."""
        return self._lines is not None

    async def draw(self) -> None:
        """Draw them here."""
        with box("vbox views-menu"):
            self._lines = Part(self._draw_lines, "views")
            button("Save this view …", lambda: open_form("Save this view", "Save", self._draw_form))
        await self._look()

    async def _look(self) -> None:
        if self._lines is not None:
            lines = await access.load(views_of, access.me().id)
            self._lines.show(lines, key=lines)

    def _draw_lines(self, lines: list[ViewLine]) -> None:
        for line in lines:
            with box("hbox"):
                link(line.href, "grow", line.name).props["title"] = line.filter or "all jobs"
                if line.id and line.is_shared:
                    text("shared", "muted").props["title"] = f"by {line.saved_by}"
                if line.id and (not line.is_shared or access.me().may(Role.ADMIN)):
                    icon_button("close", f"Remove the view {line.name}", partial(self._remove, line))

    async def _remove(self, line: ViewLine) -> None:
        await access.perform("view.remove", line.id)
        say(f"The view {line.name} is removed.")
        await self._look()

    def _draw_form(self) -> Act:
        filter_text, sort, columns = self._present()
        text(filter_text or "All jobs.", "mono muted", tag="p")
        if order := order_words(sort):
            text(f"{order[0].upper()}{order[1:]}.", "muted", tag="p")
        hidden = {"filter", "sort", "columns"} | (set() if access.me().may(Role.ADMIN) else {"is_shared"})
        form = ModelForm(ViewForm, given={"filter": filter_text, "sort": sort}, without=hidden)

        with box("labelled"):
            with_columns = ui.switch("With these columns", value=not columns.are_usual)
            text(f"{', '.join(columns.headers)}. Without them, each person sees their own.", "help")

        async def act() -> Then | None:
            values = form.values() | {"columns": list(columns.shown) if with_columns.value else []}
            await access.perform("view.save", None, values)
            say(f"The view {values['name']} is saved.")
            return self._look

        return act
