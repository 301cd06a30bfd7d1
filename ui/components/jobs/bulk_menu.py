"""The menu that prepares an act on all jobs of the present filter, also on those that are not on the screen."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from nicegui import ui

from core.commands.registry import COMMANDS
from ui import access
from ui.components.base.button import icon_button, refuse

#: What is offered: commands on jobs.
ACTS: Final = ("job.retry", "job.cancel", "job.start_now")
_SORT: Final = "sort"


class BulkMenu:
    """A button with a line for each act; its menu is made when first opened."""

    def __init__(self, params: Callable[[], Mapping[str, str]]) -> None:
        """`params` returns the present filter and order, as the address of the list has them."""
        self._params = params
        self._is_drawn = False
        self._button = icon_button("playlist_play", "Act on all that match", self._draw)

    def _draw(self) -> None:
        if self._is_drawn:
            return  # the menu opens and closes itself
        self._is_drawn = True
        with self._button, ui.menu(value=True):
            self.draw_acts()

    def draw_acts(self) -> None:
        """Draw a line of a menu for each act."""
        for name in ACTS:
            ui.menu_item(f"{COMMANDS[name].label} all that match …", lambda name=name: self._prepare(name))

    async def _prepare(self, name: str) -> None:
        await prepare_bulk(name, {key: value for key, value in self._params().items() if key != _SORT})


async def prepare_bulk(
    name: str,
    chosen: Mapping[str, str] | Sequence[str],
    canary: int | None = None,
    input_of_each: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Prepare a command on all jobs that match, or on those with these ids, and open its page; who may not is told.

    `canary`: so many of them first, and the rest once those have succeeded.
    """
    if not access.me().may(COMMANDS["bulk.prepare"].role):
        refuse(f"Acting on many needs the role {COMMANDS['bulk.prepare'].role}.")
        return
    jobs = {"filter": dict(chosen)} if isinstance(chosen, Mapping) else {"ids": list(chosen)}
    args = {"action": name, **jobs, "args": dict(input_of_each or {}), "canary": canary}
    answer = await access.perform("bulk.prepare", None, args, reason=reason)
    ui.navigate.to(f"/bulk/{answer['id']}")
