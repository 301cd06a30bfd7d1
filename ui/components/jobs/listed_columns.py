"""The columns of the list of jobs: a person's own, which the server keeps, or those that an address names."""

import asyncio
from typing import Final

from core.job_list.columns import COLUMN_NAMES, ColumnName, columns_of
from core.wording import cited
from ui import access
from ui.components.base.button import refuse
from ui.components.jobs.columns import COLUMNS, Column
from ui.components.jobs.job_grid import ColumnState

#: Columns that everyone begins with.
_USUAL: Final = tuple(column.name for column in COLUMNS if not column.is_hidden)


class ListedColumns:
    """Which columns a list has, and how; those of an address, as of a view, change nothing of a person's own."""

    def __init__(self, layout: list[ColumnState], *, of_address: bool) -> None:
        self.layout = layout
        self.of_address = of_address
        #: A change waits for the one before, so that the last one is kept.
        self._turn = asyncio.Lock()

    @classmethod
    async def load(cls, named: str) -> "ListedColumns":
        """Return the columns that an address names, or this person's own; which of them there are not is said."""
        layout = _layout_of(named)
        if unknown := [name for name in named.split(",") if name and name not in COLUMN_NAMES]:
            refuse(f"The list has no column {cited(unknown[0])}.")
        return cls(layout or await _own(), of_address=bool(layout))

    @property
    def shown(self) -> tuple[ColumnName, ...]:
        """Return the names of those that are shown, in their order."""
        return tuple(each["name"] for each in self.layout if not each.get("hide")) or _USUAL

    @property
    def headers(self) -> list[str]:
        """Return their titles."""
        titles = {column.name: column.header for column in COLUMNS}
        return [titles[name] for name in self.shown if name in titles]

    @property
    def are_usual(self) -> bool:
        """Return whether these are the ones that everyone begins with."""
        return self.shown == _USUAL

    @property
    def params(self) -> dict[str, str]:
        """Return what the address of the list says of them."""
        return {"columns": ",".join(self.shown)} if self.of_address else {}

    async def note(self, state: list[ColumnState]) -> None:
        """Keep them as a person has arranged them."""
        async with self._turn:
            self.layout = state
            if not self.of_address:
                await _keep(state)

    async def reset(self) -> None:
        """Return to a person's own columns, or from these to those that everyone begins with."""
        async with self._turn:
            if self.of_address:
                self.of_address, self.layout = False, await _own()
            else:
                self.layout = []
                await _keep([])


async def _own() -> list[ColumnState]:
    kept = [each.model_dump() for each in await access.load(columns_of, access.me().id)]
    names = {each["name"] for each in kept}
    return [*kept, *(_state(each, hide=each.is_hidden) for each in COLUMNS if each.name not in names)] if kept else []


async def _keep(state: list[ColumnState]) -> None:
    await access.perform("columns.keep", None, {"columns": state})


def _layout_of(named: str) -> list[ColumnState]:
    by_name = {str(column.name): column for column in COLUMNS}
    shown = [by_name[name] for name in dict.fromkeys(named.split(",")) if name in by_name]
    rest = [column for column in COLUMNS if column not in shown] if shown else []
    return [_state(column, hide=column in rest) for column in (*shown, *rest)]


def _state(column: Column, *, hide: bool) -> ColumnState:
    return {"name": column.name, "width": column.width, "hide": hide, "flex": 1 if column.is_elastic else None}
