"""The search field above the list of jobs: words and filters in one text, completed while it is typed.

Words are searched as they are typed. A text with a filter in it waits for Enter, or for a value that is chosen; what
it has wrong is said below.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from core.errors import Invalid
from core.job_list import language
from core.job_list.filters import JobFilter
from ui.components.base.box import Part, box, dressed, text
from ui.components.jobs.completion import Offer

#: The list of offers handles presses itself, and keeps the focus in the field.
_EMIT: Final = "(event) => { const line = event.target.closest('[data-offer]'); line && emit(line.dataset.offer) }"
#: While offers are shown, the arrows and Escape are theirs; but Escape leaves an empty field, and the arrow opens it.
_MOVE: Final = """(event) => {
  const { key, target } = event;
  const isOpen = target.getAttribute("aria-expanded") === "true";
  if (!(isOpen ? ["ArrowDown", "ArrowUp"].includes(key) : key === "ArrowDown" && !target.value)
    && !(isOpen && key === "Escape" && target.value)) return;
  event.preventDefault();
  event.stopPropagation();
  emit(event.key);
}"""
#: Seconds after Enter in which an earlier text is no text that a person has typed.
ECHO_SECONDS: Final = 1.0
#: What waits for a pause in typing is sent first: later, it would be taken for what is typed after Enter.
_ENTER: Final = "({ target }) => { target.dispatchEvent(new Event('change')); emit(target.value); }"
#: A window that is left and entered again enters its field, too: no person did, and nothing is to cover the rows.
_ENTER_FIELD: Final = """({ target }) => {
  if (!target.value && !target.dataset.away) emit();
  delete target.dataset.away;
}"""
_LEAVE_FIELD: Final = """({ target }) => {
  if (document.activeElement === target) target.dataset.away = "yes";
  emit();
}"""
_KEEP_FOCUS: Final = "(event) => event.preventDefault()"


class FilterField:
    """The field; calls `on_words` with what is searched, None while that stays, and `on_filters` after Enter."""

    def __init__(
        self,
        typed: str,
        on_words: Callable[[str | None], Awaitable[None]],
        on_filters: Callable[[JobFilter], Awaitable[None]],
        offered: Callable[[str], Awaitable[list[Offer]]],
    ) -> None:
        self._on_words, self._on_filters, self._offered = on_words, on_filters, offered
        #: The text with filters that waits for Enter, and what is wrong with a text; empty: nothing.
        self.pending = self.problem = ""
        #: The words that are searched; what the field shows since Enter; and earlier texts, which the framework may
        #: send until then, as it does when it is told a value before it has taken over the one before.
        self._words = self._shown = typed
        self._echoes: set[str] = set()
        self._echo_until = 0.0
        self._offers: list[Offer] = []
        self._lines: list[ui.element] = []
        self._chosen = -1
        #: Whether the person is still there for whom the offers of an empty field are read.
        self._is_opening = False
        with box("search"):
            self._input = ui.input(placeholder="Search or status:failed", value=typed)
            self._input.props('outlined dense clearable debounce=150 aria-label="Search jobs" data-key=/ role=combobox')
            self._input.props("aria-expanded=false aria-autocomplete=list autocomplete=off spellcheck=false")
            self._input.classes("field words")
            self._list: Part[list[Offer]] = Part(self._draw, "offers")
            self._list.box.props('role=listbox aria-label="Completions"')
        self._list.box.set_visibility(False)
        self._input.props["aria-controls"] = self._list.box.html_id
        self._listen()
        self._check(typed)
        self._mark_problem()

    def _listen(self) -> None:
        self._input.on_value_change(self._note_typed)
        self._input.on("keydown", self._press, js_handler=_MOVE)
        self._input.on("keydown.enter", self._press_enter, js_handler=_ENTER)
        self._input.on("focus", self._open, js_handler=_ENTER_FIELD)
        self._input.on("click", self._open, js_handler="({ target }) => { if (!target.value) emit(); }")
        self._input.on("blur", self._close, js_handler=_LEAVE_FIELD)
        self._list.box.on("click", self._take, js_handler=_EMIT)
        self._list.box.on("mousedown", js_handler=_KEEP_FOCUS)

    async def apply(self) -> None:
        """Filter by the text in the field."""
        await self._apply(self.typed)

    @property
    def typed(self) -> str:
        """Return the text in the field."""
        return self._input.value or ""

    def check(self) -> None:
        """Look again whether something is wrong: with the text, no longer with an address that was left."""
        if self.problem and not self.typed:
            self.problem = ""

    def _check(self, typed: str) -> JobFilter | None:
        """Note what a text has wrong, or that it waits for Enter; return its filter if it has one."""
        self.pending = self.problem = ""
        job_filter = None
        try:
            job_filter = JobFilter.from_text(typed)
            self.pending = "" if job_filter.but(q=None).is_empty() else typed.strip()
        except Invalid as invalid:
            self.problem = invalid.detail
        return job_filter

    async def _note_typed(self) -> None:
        typed = self.typed
        if typed in self._echoes and time.monotonic() < self._echo_until:
            self._input.set_value(self._shown)
            return
        offers = await self._offered(typed) if typed.strip() else []
        if typed != self.typed:
            return  # more was typed meanwhile, or Enter pressed
        was_refused = bool(self.problem)
        job_filter = self._check(typed)
        if typed == self._words:
            await self._on_words(None)
            self._show(typed, [])
            return
        if self.problem and (offers or not was_refused):
            self.problem = ""  # it is being written: Enter says what is wrong with it
        elif offers:
            self.pending = typed.strip()  # and is no search of its beginning
        if job_filter is None or self.pending:
            await self._on_words(None)
        else:
            self._words = typed
            await self._on_words(job_filter.q or "")
        self._mark_problem()
        self._show(typed, offers)

    async def _apply(self, typed: str) -> None:
        self._echoes, self._echo_until = {self.typed, typed}, time.monotonic() + ECHO_SECONDS
        job_filter = self._check(typed)
        self._mark_problem()
        self._close()
        if job_filter is None:
            self._expect(typed)
            await self._on_words(None)
            return
        self.pending = ""
        self._words = language.free_text(job_filter.q or "")
        self._expect(self._words)
        self._input.set_value(self._words)
        await self._on_filters(job_filter)

    def _expect(self, shown: str) -> None:
        self._shown = shown
        self._echoes.discard(shown)

    async def _press_enter(self, event: GenericEventArguments) -> None:
        typed = str(event.args or "")
        if self._chosen >= 0:
            await self._complete(self._offers[self._chosen])
        else:
            await self._apply(typed)

    async def _press(self, event: GenericEventArguments) -> None:
        if event.args == "Escape":
            self._close()
            return
        if not self._lines:
            await self._open()
            return
        step, number = (1 if event.args == "ArrowDown" else -1), len(self._lines)
        # Beyond the last one is none, so that Enter applies the text as it is.
        self._chosen = (self._chosen + 1 + step) % (number + 1) - 1
        self._mark_chosen()

    async def _take(self, event: GenericEventArguments) -> None:
        await self._complete(self._offers[min(int(event.args), len(self._offers) - 1)])

    async def _complete(self, offer: Offer) -> None:
        self._close()
        if offer.href:
            ui.navigate.to(offer.href)
        elif offer.is_whole:
            await self._apply(offer.text)
        else:
            self._input.set_value(offer.text)

    async def _open(self) -> None:
        """Offer what can begin a filter, if nothing is typed."""
        if self.typed or self._lines:
            return
        self._is_opening = True
        offers = await self._offered("")
        if self._is_opening:
            self._show("", offers)

    def _show(self, typed: str, offers: list[Offer]) -> None:
        if typed != self.typed or self._list.box.is_deleted:
            return
        self._offers, self._chosen, self._is_opening = offers, -1, False
        self._list.show(offers, key=offers)
        self._list.box.set_visibility(bool(offers))
        self._set_props({"aria-expanded": "true" if offers else "false"})
        self._mark_chosen()

    def _close(self) -> None:
        self._show(self.typed, [])

    def _draw(self, offers: list[Offer]) -> None:
        self._lines = []
        if not any(offer.href for offer in offers):
            for offer in offers:
                self._draw_line(offer)
            return
        with dressed(box("beginning"), props={"role": "presentation"}):
            for name, is_view in (("Filters", False), ("Views", True)):
                with dressed(box(), props={"role": "group", "aria-label": name}):
                    text(name, "muted heading", tag="div").props("aria-hidden=true")
                    for offer in offers:
                        if bool(offer.href) is is_view:
                            self._draw_line(offer)

    def _draw_line(self, offer: Offer) -> None:
        with dressed(box("offer"), props={"role": "option", "data-offer": str(len(self._lines))}) as line:
            text(offer.label, "clip")
            text(offer.hint, "muted clip")
        self._lines.append(line)

    def _mark_chosen(self) -> None:
        for number, line in enumerate(self._lines):
            is_chosen = "true" if number == self._chosen else "false"
            if line.props.get("aria-selected") != is_chosen:
                line.props["aria-selected"] = is_chosen
        chosen = self._lines[self._chosen].html_id if self._chosen >= 0 else None
        if chosen:
            ui.run_javascript(f"getHtmlElement({self._lines[self._chosen].id}).scrollIntoView({{ block: 'nearest' }})")
        self._set_props({"aria-activedescendant": chosen})

    def _mark_problem(self) -> None:
        self._set_props({"aria-invalid": "true" if self.problem else "false"})

    def _set_props(self, props: Mapping[str, str | None]) -> None:
        for name, value in props.items():
            if self._input.props.get(name) != value:
                self._input.props[name] = value
