"""The filters above the list of jobs: states with counts, kind, search text, and other filters in the URL."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from nicegui import ui

from core.job_list.counts import Facets, Total
from core.job_list.filters import JobFilter
from core.job_list.names import NAMED, names_in, newest_bulk_actions
from core.job_list.sources import CAP
from core.job_list.views import views_of
from core.jobs.labels import Label
from core.models import Role
from ui import access, query_cache
from ui.components.base.box import Part, box, dressed, keep_roughly_fresh, text
from ui.components.base.markup import icon, set_html, words
from ui.components.base.state_chip import chip_of, set_pressed, state_words
from ui.components.jobs.completion import MOST, Offer, beginnings, offers
from ui.components.jobs.filter_field import FilterField
from ui.components.jobs.filter_words import filter_words
from ui.console_pages import Change

#: Always shown; other labels only while a job has them, or while they are chosen.
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
#: Filters with a field of their own; the others are shown as a chip that can be removed.
_FIELDS: Final = frozenset({"status", "label", "kind", "q"})

#: Seconds between two counts while jobs change.
COUNT_AGAIN: Final = 2.0

OnChange = Callable[[JobFilter, Change], Awaitable[None]]


class FilterBar:
    """The filter as chips and fields; calls `on_change` with the filter that a person makes."""

    def __init__(
        self, job_filter: JobFilter, typed: str, on_change: OnChange, on_problem: Callable[[str], None], problem: str
    ) -> None:
        """`typed` is the text in the search: the filter's words, or what could not be read.

        `on_problem` is called with why what a person wants is no filter, or with nothing once it is one again;
        `problem` is what is wrong with an address.
        """
        self._filter = job_filter
        self._on_change, self._on_problem = on_change, on_problem
        self._counts: Facets = {}
        self._chips: dict[Label, ui.element] = {}
        self._kind = ui.select({}, label=None, clearable=True, on_change=self._apply_kind)
        self._kind.props('outlined dense options-dense display-value="" aria-label="Kind"').classes("field")
        with self._kind.add_slot("after-options"):
            self._more_kinds = text("", "more-kinds", tag="div")
        self._field = FilterField(typed, self._apply_words, self._accept, self._offered)
        self._field.problem = self._field.problem or problem
        # After the fields, which stay where they are when the rest of the toolbar changes.
        with dressed(box("states"), props={"role": "group", "aria-label": "States"}) as self._group:
            for label in _ORDER:
                self._chips[label] = self._chip(label)
        self._names: Mapping[str, str] = {}
        self._pressed: set[Label] = set()
        self._others: Part[JobFilter] | None = None

    def draw_others(self) -> ui.element:
        """Give the filters that have no field their place here, which is there before they are: nothing moves."""
        with box("others") as others:
            self._length = text("", "length muted")
            self._others = Part(self._draw_others, "tokens")
        return others

    def show_length(self, total: Total, *, first_only: bool, order: str) -> None:
        """Say how many jobs match, or how many are listed of those that match, and in which order."""
        listed = f"{shown(total)} {'job' if total == Total(1, exact=True) else 'jobs'}"
        said = f"the first {listed} of more" if first_only else listed
        self._length.set_text(f"{said}, {order}" if order else said)

    @property
    def problem(self) -> str:
        """Return why what a person wants is no filter; empty: it is one."""
        return self._field.problem

    @property
    def refused(self) -> str:
        """Return the text that is no filter; empty: the list is what the person wants."""
        return (self._field.typed or "?") if self._field.problem else ""

    async def begin(self) -> None:
        """Show the counts now, and keep them fresh."""
        await self._name()
        await self._look()
        keep_roughly_fresh(self._group, self._look, seconds=COUNT_AGAIN)

    async def refresh(self) -> None:
        """Count again, for the person who asks."""
        job_filter = self._filter
        self._show(job_filter, await query_cache.jobs.anew(job_filter))

    async def narrow(self, after: datetime, before: datetime) -> None:
        """Filter by when jobs were created, besides all else."""
        await self._apply(self._filter.but(created_after=after, created_before=before))

    async def _look(self) -> None:
        job_filter = self._filter
        self._show(job_filter, await query_cache.jobs.now(job_filter))

    def _show(self, job_filter: JobFilter, counts: Facets) -> None:
        if self._group.is_deleted or job_filter != self._filter:
            return
        self._counts = counts
        totals = {**counts["status"], **counts["label"]}
        for label, chip in self._chips.items():
            total, pressed = totals.get(label.value), self._is_chosen(label)
            set_html(chip, state_words(label.value), words(shown(total), "n"))
            chip.set_visibility(label in _COMMON or pressed or bool(total and total.value))
            set_pressed(chip, pressed)
        self._show_pressed()
        self._offer_kinds(counts["kind"])
        self._more_kinds.text = more_kinds(counts["more"].get("kind"))
        self._show_others()

    def _show_pressed(self) -> None:
        """Scroll to a state that was chosen elsewhere, where not all have room."""
        if self._pressed != (pressed := {label for label in self._chips if self._is_chosen(label)}):
            self._pressed = pressed
            ui.run_javascript(f"showPressed({self._group.id})")

    def _show_others(self) -> None:
        self._on_problem(self._field.problem)
        if self._others:
            self._others.show(self._filter, key=(self._filter, self._field.pending, self._field.problem, self._names))

    def _offer_kinds(self, counts: Mapping[str, Total]) -> None:
        options = {kind: f"{kind}  ·  {shown(total)}" for kind, total in counts.items()}
        chosen = self._only_kind()
        if chosen and chosen not in options:
            options[chosen] = chosen
        if options != self._kind.options or chosen != self._kind.value:
            self._kind.set_options(options, value=chosen)
        shown_as = chosen or (f"{len(self._filter.kind)} kinds" if self._filter.kind else "any kind")
        if self._kind.props["display-value"] != shown_as:
            self._kind.props["display-value"] = shown_as

    def _only_kind(self) -> str | None:
        return next(iter(self._filter.kind)) if len(self._filter.kind) == 1 else None

    def _is_chosen(self, label: Label) -> bool:
        return label in self._filter.label or label.value in {status.value for status in self._filter.status}

    async def _toggle(self, label: Label) -> None:
        chosen = {each for each in Label if self._is_chosen(each)} ^ {label}
        await self._apply(self._filter.but(label=frozenset(chosen), status=frozenset()))

    async def _name(self) -> None:
        """Load what people call the ids in the filter."""
        has_ids = any(getattr(self._filter, name) for name in NAMED)
        self._names = await access.load(names_in, self._filter) if has_ids else {}

    async def _apply_kind(self) -> None:
        kind = self._kind.value
        # A URL may name several kinds, which the field cannot show: they stay until another one is chosen.
        if kind != self._only_kind():
            await self._apply(self._filter.but(kind=frozenset({kind} if kind else ())))

    async def _apply_words(self, words: str | None) -> None:
        await self._apply(self._filter if words is None else self._filter.but(q=words or None), "typed")

    async def _accept(self, typed: JobFilter) -> None:
        """Filter by what was typed, in place of what these filters were before."""
        given = {name: value for name, value in typed if value}
        chosen = {"label": typed.label, "status": typed.status} if typed.label or typed.status else {}
        await self._apply(self._filter.but(**{**given, **chosen, "q": typed.q}))

    async def _offered(self, typed: str) -> list[Offer]:
        """Return what can complete a text, from the counts that are on the screen already, or begin one."""
        if not typed:
            return beginnings(await access.load(views_of, access.me().id))
        return offers(typed, self._counts, await _hints(typed.split(" ")[-1]), shown)

    async def _remove(self, name: str) -> None:
        await self._apply(self._filter.without(name))

    async def _apply(self, job_filter: JobFilter, change: Change = "step") -> None:
        if job_filter == self._filter:
            self._show_others()
            return
        self._filter = job_filter
        self._field.check()
        await self._on_change(job_filter, change)
        await self._name()
        await self._look()

    def _chip(self, label: Label) -> ui.element:
        return chip_of(state_words(label.value), words("–", "n")).on("click", partial(self._toggle, label))

    def _draw_others(self, job_filter: JobFilter) -> None:
        if self._field.pending or self._field.problem:
            self._draw_typed()
        for name, value in job_filter.to_params().items():
            if name not in _FIELDS or (name == "kind" and len(job_filter.kind) > 1):
                self._draw_other(name, value)

    def _draw_other(self, name: str, value: str) -> None:
        title = self._names.get(name)
        chip = chip_of(filter_words(name, value, title), icon("close")).on("click", partial(self._remove, name))
        set_pressed(chip, pressed=True)
        chip.props["title"] = f"{name}: {value}" + (f" ({title})" if title else "")
        chip.props["aria-label"] = f"Remove filter {name}"

    def _draw_typed(self) -> None:
        if self._field.problem:
            ending = "" if self._field.problem.endswith("?") else "."
            text(f"{self._field.problem}{ending}", "wrong").props("role=alert")
            return
        with box("chip", "button").props("type=button") as chip:
            text(f"Filter by {self._field.pending}")
        chip.props["title"] = "Enter does the same."
        chip.on("click", self._field.apply)


def more_kinds(total: Total | None) -> str:
    """Return what stands below the kinds that can be chosen, if there are others."""
    return "" if total is None else f"{shown(total)} more: search for them by name"


def shown(total: Total | None) -> str:
    """Return a number of jobs as text: exact, or marked as a lower bound or an estimate."""
    if total is None:
        return "0"
    if total.exact:
        return f"{total.value:,}"
    return f"{total.value - 1:,}+" if total.value <= CAP + 1 else f"about {total.value:,}"


async def _hints(word: str) -> dict[str, str]:
    """Return the queues or bulk actions that a word may name, each with a hint."""
    if "queue:" in word:
        return {each.line.name: f"{each.line.waiting:,} waiting" for each in (await query_cache.queues.now()).queues}
    if "bulk:" in word and access.me().may(Role.SUPPORT):
        return await access.load(newest_bulk_actions, MOST)
    return {}
