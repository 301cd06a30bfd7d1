"""The bar under the list of jobs: how many are selected, what they are, and what can be done with all of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from nicegui import ui

from core.commands.registry import COMMANDS
from core.export import Format
from core.job_list.counts import Total
from ui.components.base.box import Part, box, dressed, keep_roughly_fresh, text
from ui.components.base.button import DANGER, PLAIN, QUIET, button, forbid, icon_button, refuse, say
from ui.components.jobs.export_menu import ExportMenu, export_filter, export_jobs
from ui.components.jobs.job_actions import ICONS
from ui.components.jobs.job_filters import shown
from ui.components.jobs.job_grid import Chosen, JobGrid, Length
from ui.components.jobs.selection import ACTS, Selected, act, load_selected, why_not_selected

#: Seconds between two looks at what the selected jobs are, while jobs change.
LOOK_AGAIN: Final = 2.0
_SORT: Final = "sort"


class SelectionBar:
    """It is there while something is selected; what it counts is what its buttons act on."""

    def __init__(self, grid: JobGrid, params: Callable[[], Mapping[str, str]]) -> None:
        """`params` returns the present filter and order, as the address of the list has them."""
        self._grid, self._params = grid, params
        self._chosen, self._total = Chosen([]), Total(0, exact=True)
        self._part: Part[Selected] = Part(self._draw, "selection")
        dressed(self._part.box, props={"role": "region", "aria-label": "Selection"})
        keep_roughly_fresh(self._part.box, self.refresh, seconds=LOOK_AGAIN)
        grid.on_select(self._select)
        grid.on_loaded(self._note_total)
        grid.on_refused(refuse)

    async def refresh(self) -> None:
        """Look again what the selected jobs are."""
        if self._chosen.is_any:
            await self._select(self._chosen)

    async def act(self, name: str, chosen: Chosen) -> None:
        """Do a command to these jobs."""
        await act(name, await self._load(chosen), self.refresh)

    async def _select(self, chosen: Chosen) -> None:
        self._chosen = chosen
        selected = await self._load(chosen)
        if chosen is self._chosen:  # a later one may have been loaded faster
            self._show(selected)

    async def _note_total(self, length: Length) -> None:
        self._total = Total(length.value, exact=length.exact)
        await self.refresh()

    def _show(self, selected: Selected) -> None:
        state = [(row["id"], row["status"], row["label"], row["situation"]) for row in selected.rows or ()]
        self._part.show(selected, key=(selected.chosen, selected.split, tuple(state), self._total))

    async def _load(self, chosen: Chosen) -> Selected:
        where = {name: value for name, value in self._params().items() if name != _SORT}
        return await load_selected(chosen, where, self._total)

    def _draw(self, selected: Selected) -> None:
        if not selected.chosen.is_any:
            return
        with box("what").props("role=status"):
            text(selected.count(), "strong nowrap")
            text(selected.parts(), "muted clip").props["title"] = selected.details()
            self._draw_all(selected)
        with box("commands"):
            for name in ACTS:
                self._draw_act(name, selected)
        with box("hbox"):
            if selected.chosen.everything:
                copy = icon_button("content_copy", "Copy ids", lambda: None)
                forbid(copy, "Export saves all that match, with their ids.")
            else:
                icon_button("content_copy", "Copy ids", lambda: _copy(selected.chosen.ids))
            ExportMenu(self._save, "Export these")
            icon_button("close", "Select none", self._grid.select_none).props("aria-keyshortcuts=Escape")

    def _draw_all(self, selected: Selected) -> None:
        number = len(selected.chosen.ids)
        if 1 < number < selected.total.value and not selected.chosen.everything:
            button(f"Select all {shown(selected.total)} that match", self._grid.select_all, look=QUIET)

    def _draw_act(self, name: str, selected: Selected) -> None:
        look = DANGER if name == "job.cancel" else PLAIN
        press = partial(act, name, selected, self.refresh)
        element = button(COMMANDS[name].label, press, look=look, icon=ICONS.get(name))
        if why := why_not_selected(name, selected):
            forbid(element, why)

    async def _save(self, to: Format) -> None:
        if self._chosen.everything:
            export_filter(self._params(), to)
        else:
            await export_jobs(self._chosen.ids, to)


def _copy(ids: list[str]) -> None:
    ui.clipboard.write("\n".join(ids))
    say("Copied." if len(ids) == 1 else f"{len(ids):,} ids copied.")
