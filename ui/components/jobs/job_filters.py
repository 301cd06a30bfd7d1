"""The filters above the list of jobs: states with counts, kind, user, words, and whatever else the address asks."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from nicegui import ui

from core.job_list.counts import Total, facets
from core.job_list.filters import JobFilter
from core.job_list.sources import CAP
from core.jobs.labels import Label
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, text
from ui.components.base.state_chip import state_chip

#: Always shown; the other labels only while a job is called so, or while they are chosen.
_COMMON: Final = frozenset({Label.RUNNING, Label.QUEUED, Label.SUCCEEDED, Label.FAILED, Label.CANCELLED})
_ORDER: Final = (
    Label.RUNNING,
    Label.QUEUED,
    Label.RETRYING,
    Label.SCHEDULED,
    Label.STOPPING,
    Label.ORPHANED,
    Label.FAILED,
    Label.CANCELLED,
    Label.SUCCEEDED,
)
#: Filters that have a field of their own; others are shown as a chip that can be taken away.
_FIELDS: Final = frozenset({"status", "label", "kind", "q"})

#: Seconds between two counts while jobs change.
COUNT_AGAIN: Final = 2.0

Changed = Callable[[JobFilter], Awaitable[None]]


class FilterBar:
    """What is wanted, as chips and fields; calls `changed` with the filter that the person made."""

    def __init__(self, wanted: JobFilter, changed: Changed) -> None:
        self._wanted = wanted
        self._changed = changed
        self._chips: dict[Label, tuple[ui.element, ui.label]] = {}
        with box("states").props('role=group aria-label="States"') as self._group:
            for label in _ORDER:
                self._chips[label] = self._chip(label)
        self._kind = ui.select({}, label=None, clearable=True, on_change=self._typed)
        self._kind.props('outlined dense options-dense display-value="" aria-label="Kind"').classes("field")
        self._words = ui.input(placeholder="User, error, kind or id", value=wanted.q or "", on_change=self._typed)
        self._words.props('outlined dense clearable debounce=250 aria-label="Search jobs" data-key=/').classes(
            "field words"
        )
        self._others: Part[JobFilter] = Part(self._draw_others)

    async def begin(self) -> None:
        """Show the counts now, and keep them fresh."""
        await self.refresh()
        keep_roughly_fresh(self._group, self.refresh, seconds=COUNT_AGAIN)

    async def refresh(self) -> None:
        """Count again."""
        wanted = self._wanted
        counted = await access.load(facets, wanted)
        if self._group.is_deleted or wanted != self._wanted:
            return
        totals = {**counted["status"], **counted["label"]}
        for label, (chip, number) in self._chips.items():
            total, pressed = totals.get(label.value), self._is_chosen(label)
            number.set_text(shown(total))
            chip.set_visibility(label in _COMMON or pressed or bool(total and total.value))
            chip.props["aria-pressed"] = "true" if pressed else "false"
            chip.update()
        self._offer_kinds(counted["kind"])
        self._others.show(wanted, key=wanted)

    def _offer_kinds(self, counted: Mapping[str, Total]) -> None:
        options = {kind: f"{kind}  ·  {shown(total)}" for kind, total in counted.items()}
        chosen = next(iter(self._wanted.kind), None)
        if chosen and chosen not in options:
            options[chosen] = chosen
        if options != self._kind.options or chosen != self._kind.value:
            self._kind.set_options(options, value=chosen)
        self._kind.props["display-value"] = chosen or "any kind"
        self._kind.update()

    def _is_chosen(self, label: Label) -> bool:
        return label in self._wanted.label or label.value in {status.value for status in self._wanted.status}

    async def _toggle(self, label: Label) -> None:
        chosen = {each for each in Label if self._is_chosen(each)} ^ {label}
        await self._want(self._wanted.but(label=frozenset(chosen), status=frozenset()))

    async def _typed(self) -> None:
        await self._want(
            self._wanted.but(
                kind=frozenset({self._kind.value} if self._kind.value else ()),
                q=(self._words.value or "").strip()[:320] or None,
            )
        )

    async def _forget(self, name: str) -> None:
        await self._want(self._wanted.but(**{name: frozenset() if name == "queue" else None}))

    async def _want(self, wanted: JobFilter) -> None:
        if wanted == self._wanted:
            return
        self._wanted = wanted
        await self._changed(wanted)
        await self.refresh()

    def _chip(self, label: Label) -> tuple[ui.element, ui.label]:
        with box("chip", "button").props("type=button aria-pressed=false") as chip:
            state_chip(label.value)
            number = text("–", "n")
        return chip.on("click", partial(self._toggle, label)), number

    def _draw_others(self, wanted: JobFilter) -> None:
        with box("hbox wrap"):
            for name, value in wanted.to_params().items():
                if name not in _FIELDS:
                    with box("chip", "button").props("type=button aria-pressed=true") as chip:
                        text(f"{name}: {value[:40]}")
                        ui.icon("close").props("aria-hidden=true")
                    chip.props["aria-label"] = f"Take away {name}"
                    chip.on("click", partial(self._forget, name))


def shown(total: Total | None) -> str:
    """Return a number of jobs as it is: exact, or honest about being more."""
    if total is None:
        return "0"
    if total.exact:
        return f"{total.value:,}"
    return f"{CAP:,}+" if total.value == CAP + 1 else f"about {total.value:,}"
