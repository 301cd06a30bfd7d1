"""The console's pages as NiceGUI sub pages, and what stands there when one cannot be shown."""

import asyncio
from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import Any, Final, Literal

from nicegui import ui
from nicegui.elements.sub_pages import SubPages
from nicegui.page_arguments import RouteMatch

from core.errors import Refused
from ui import access, error_page
from ui.components.base.box import link
from ui.components.base.button import button
from ui.components.base.empty import empty
from ui.page import Page

#: How a page has come to show something else.
Change = Literal["step", "typed", "same"]
#: In a page's storage: the address that typed words have made.
_TYPED: Final = "typed_address"

#: Seconds that an answer waits for its page; the rest of a slower one follows through the socket.
PATIENCE = 1.0


class ConsolePages(SubPages):
    """Sub pages that are drawn anew on each visit, and that never show an error's own text."""

    def __init__(self, pages: Iterable[Page]) -> None:
        super().__init__({page.route: _checked(page) for page in pages})

    async def drawn(self) -> None:
        """Wait for the page that is being drawn, so that the answer to its request contains it."""
        if self._active_tasks:
            await asyncio.wait(self._active_tasks, timeout=PATIENCE)
            self._say_busy()

    def _show(self) -> None:
        super()._show()
        if not self._router.is_initial_request:
            self._say_busy()

    def _say_busy(self) -> None:
        """Show only the heading of a page that is still being read, until it is whole."""

        def say_drawn(_: asyncio.Task[None]) -> None:
            if not self._active_tasks and not self.is_deleted:
                self.props(remove="aria-busy")

        for task in self._active_tasks:
            self.props("aria-busy=true")
            task.add_done_callback(say_drawn)

    def _required_query_params_changed(self, route_match: RouteMatch) -> bool:
        # Pages change the URL while they are used; only drawing anew makes them match it again.
        return True

    def _render_404(self) -> None:
        self._cancel_active_tasks()  # of the page that the beginning of the address names
        with empty(
            "travel_explore",
            "There is no such page",
            "It may have moved. Use the navigation to find it.",
            heading="h1",
        ):
            link("/", label="Go to the overview")

    def _render_error(self, error: Exception) -> None:
        _draw_error(error)


def _draw_error(error: Exception) -> None:
    """Say that the page could not be read, and offer to read it again."""
    incident = error_page.incident(error)
    hint = error_page.unavailable(error) or f"Nothing was changed. Incident {incident}."
    with empty("error_outline", "This page could not be shown", hint, heading="h1"):
        button("Try again", ui.navigate.reload)


@cache  # once for all visitors
def _checked(page: Page) -> Callable[..., Any]:
    """Return what draws a page with its title, or the reason why it refuses."""
    # Moving within the console needs no request, so each page checks the person's role.
    draw = access.only_for(page.role, page.draw)

    @wraps(draw)
    async def draw_or_refuse(**params: Any) -> None:
        ui.page_title(page.window_title)
        place = ui.context.slot.parent
        try:
            await draw(**params)
        except Refused as refusal:
            empty("search_off", refusal.title, str(refusal), heading="h1")
        except Exception as error:
            if place.is_deleted:  # the person has gone on
                raise
            place.clear()
            _draw_error(error)

    return draw_or_refuse


def note_address(url: str, *, change: Change = "step") -> None:
    """Make the URL say what the page shows now: a copied link shows a colleague the same, and Back goes a step back.

    Words that are being typed are one step; what is the `same`, written in another way, is none.
    """
    client = ui.context.client
    router, before = client.sub_pages_router, client.sub_pages_router.current_path
    is_typing_on = change == "typed" and client.storage.get(_TYPED) == before
    client.storage[_TYPED] = url if change == "typed" else None
    if url == before:
        return
    router.current_path = url
    if change == "same" or is_typing_on:
        ui.navigate.history.replace(url)
    else:
        ui.navigate.history.push(url)
