"""The buttons of a list that is longer than its window."""

from collections.abc import Awaitable, Callable
from typing import Any

from core.database.window import Window
from ui.components.base.box import Part, box, text
from ui.components.base.button import PLAIN, button


class Pager:
    """Where a list's window begins, and the buttons that move it; nothing for a list that fits."""

    def __init__(self, name: str, refresh: Callable[[], Awaitable[None]]) -> None:
        """Draw the buttons here; `name` is what the rows are called, `refresh` loads the window at `start`."""
        self.start = 0
        self._name = name
        self._refresh = refresh
        self._part: Part[Window[Any]] = Part(self._draw)

    def show(self, window: Window[Any]) -> None:
        """Show the buttons for a window."""
        self._part.show(window, key=(window.start, window.next, len(window)))

    def _draw(self, window: Window[Any]) -> None:
        if window.start == 0 and window.next is None:
            return
        with box("pager"):
            if window.start:
                button("Back to the first", lambda: self._go(0), look=PLAIN)
            box("grow")
            first = window.start + 1
            text(f"{self._name} {first:,} to {window.start + len(window):,}" if window else "no more", "muted")
            if window.next is not None:
                following = window.next
                more = button("More", lambda: self._go(following), look=PLAIN)
                more.props["aria-label"] = f"More {self._name}"

    async def _go(self, start: int) -> None:
        self.start = start
        await self._refresh()
