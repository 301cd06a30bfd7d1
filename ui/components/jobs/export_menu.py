"""The menu that saves the jobs of the present filter as a file, all of them and not only those on the screen."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from core.export import Format
from ui.components.base.button import icon_button

_LABELS: Final[Mapping[Format, str]] = {
    Format.CSV: "Export as CSV",
    Format.JSONL: "Export as JSON lines",
}


class ExportMenu:
    """A button with a line for each format; its menu is made when first opened."""

    def __init__(self, params: Callable[[], Mapping[str, str]]) -> None:
        """`params` returns the present filter and order, as the address of the list has them."""
        self._params = params
        self._is_drawn = False
        self._button = icon_button("download", "Export", self._draw)

    def _draw(self) -> None:
        if self._is_drawn:
            return  # the menu opens and closes itself
        self._is_drawn = True
        with self._button, ui.menu(value=True):
            for to, label in _LABELS.items():
                ui.menu_item(label, lambda to=to: self._save(to))

    def _save(self, to: Format) -> None:
        query = urlencode({**self._params(), "format": to.value})
        ui.download.from_url(f"/api/jobs/export?{query}")  # no navigation: the page stays as it is
