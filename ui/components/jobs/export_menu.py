"""The menu that saves jobs as a file: all of the present filter, not only those on the screen, or the selected ones."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui

from core import clock
from core.export import MEDIA_TYPES, Format, written
from core.job_list.queries import EXPORTED
from core.job_list.rows import rows_by_id
from core.models import Role
from ui import access
from ui.components.base.button import icon_button

_LABELS: Final[Mapping[Format, str]] = {
    Format.CSV: "Export as CSV",
    Format.JSONL: "Export as JSON lines",
}
Save = Callable[[Format], Awaitable[None] | None]

#: Rows of one read.
AT_ONCE: Final = 500


class ExportMenu:
    """A button with a line for each format; its menu is made when first opened."""

    def __init__(self, save: Save, name: str = "Export") -> None:
        """`save` saves them in a format."""
        self._save = save
        self._is_drawn = False
        self._button = icon_button("download", name, self._draw)

    def _draw(self) -> None:
        if self._is_drawn:
            return  # the menu opens and closes itself
        self._is_drawn = True
        with self._button, ui.menu(value=True):
            draw_formats(self._save)


def draw_formats(save: Save) -> None:
    """Draw a line of a menu for each format."""
    for to, label in _LABELS.items():
        ui.menu_item(label, lambda to=to: save(to))


def export_filter(params: Mapping[str, str], to: Format) -> None:
    """Save all jobs of a filter, in an order, as the address of the list has them."""
    query = urlencode({**params, "format": to.value})
    ui.download.from_url(f"/api/jobs/export?{query}")  # no navigation: the page stays as it is


async def export_jobs(ids: Sequence[str], to: Format) -> None:
    """Save these jobs: an address has no room for as many ids as can be selected."""
    parts = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
    windows = [await access.load_for(Role.VIEWER, rows_by_id, [UUID(each) for each in part]) for part in parts]
    content = "".join(written(EXPORTED, windows, to))
    ui.download.content(content, f"jobs-{clock.now():%Y-%m-%d}.{to.value}", MEDIA_TYPES[to])
