"""The place in the console's frame where pages come and go, and what stands there when one cannot."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from nicegui import ui
from nicegui.elements.sub_pages import SubPages
from nicegui.page_arguments import RouteMatch

from core.errors import Refused
from ui import error_page
from ui.components.base.box import link
from ui.components.base.empty import empty


class ConsolePages(SubPages):
    """Sub pages that are drawn anew whenever a person goes to them, and that never show an error's own text."""

    def __init__(self, routes: dict[str, Callable[..., Any]]) -> None:
        super().__init__({path: _told_when_refused(draw) for path, draw in routes.items()})

    def _required_query_params_changed(self, route_match: RouteMatch) -> bool:
        # Pages change the address while they are used; only drawing anew makes it true again.
        return True

    def _render_404(self) -> None:
        with empty(
            "travel_explore",
            "There is no such page",
            "It may have moved; the navigation shows what there is.",
            heading="h1",
        ):
            link("/", words="Go to the overview")

    def _render_error(self, error: Exception) -> None:
        incident = error_page.incident(error)
        empty(
            "error_outline", "This page could not be shown", f"Nothing was changed. Incident {incident}.", heading="h1"
        )


def _told_when_refused(draw: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(draw)
    async def drawn(**given: Any) -> None:
        try:
            result = draw(**given)
            if inspect.isawaitable(result):
                await result
        except Refused as refusal:
            empty("search_off", refusal.title, str(refusal), heading="h1")

    return drawn


def note_address(url: str) -> None:
    """Make the address say what the page shows now, so that a copied link shows a colleague the same."""
    ui.context.client.sub_pages_router.current_path = url
    ui.navigate.history.replace(url)
