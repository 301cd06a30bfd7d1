"""The purple strip: generated data is in the account."""

from collections.abc import Callable

from nicegui import ui

from core.diagnosis.customer import DemoState
from core.models import DemoModeStatus
from ui.components.base.box import Part, box, link, text
from ui.components.demo.demo_words import strip_words


class DemoStrip:
    """A strip that stands in every state while one generated row exists; it has a link to the other page."""

    def __init__(self, href: str, label: str, words: Callable[[DemoState], tuple[str, str]] = strip_words) -> None:
        """`words` returns its title and text."""
        self._link = href, label
        self._words = words
        self._part: Part[DemoState | None] = Part(self._draw, "part")

    def show(self, state: DemoState, *, has_rows: bool) -> None:
        """Show the strip, or nothing."""
        shown = state if has_rows or state.status is DemoModeStatus.ENABLED else None
        self._part.show(shown, key=shown and self._words(shown))

    def _draw(self, state: DemoState | None) -> None:
        if state is None:
            return
        title, words = self._words(state)
        with box("banner demo"):
            ui.icon("auto_awesome").props("aria-hidden=true")
            with box("words"):
                text(title, tag="strong")
                if words:
                    text(words)
            link(self._link[0], label=self._link[1])
