"""The palette on Ctrl+K: go to a page, find a user or a job, and run what a person may do."""

from functools import partial

from nicegui import ui
from nicegui.events import GenericEventArguments

from core.models import Role
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import attempt
from ui.components.base.palette_entries import entries_for
from ui.components.base.palette_entry import Entry
from ui.page import Places


class Palette:
    """A field and the entries that match its text; the first one is chosen until the arrows move on."""

    def __init__(self, navigation: Places) -> None:
        self._navigation = navigation
        self._entries: list[Entry] = []
        #: All entries shown since the palette was opened, by label.
        self._offered: dict[str, Entry] = {}
        self._lines: list[ui.element] = []
        self._chosen = 0
        #: How often entries were looked for: only those of the last time are shown, whenever others come.
        self._looks = 0
        #: The text whose entries are shown: those of a later one may still be on their way.
        self._shown: str | None = None
        props = "position=top transition-show=none transition-hide=none"
        with ui.dialog().props(props) as self._dialog, ui.card().classes("dialog palette"):
            self._dialog.props["aria-label"] = "Palette"
            self._field = ui.input(placeholder="Go to, find a user, or do…", on_change=self._on_typed)
            self._field.props('outlined dense autofocus debounce=120 role=combobox aria-label="Go to, find or do"')
            self._field.props("aria-expanded=true aria-autocomplete=list").classes("field")
            for key, lines in (("down", 1), ("up", -1)):
                self._field.on(f"keydown.{key}.prevent", partial(self._move, lines))
            # The browser's text: the server may not have received the last letters yet.
            self._field.on("keydown.enter.prevent", self._choose, js_handler="(event) => emit(event.target.value)")
            self._list: Part[list[Entry] | None] = Part(self._draw, "entries")
            self._list.box.props('role=listbox aria-label="Matches"')
            # The list handles clicks, since a line may be drawn anew between the click and its arrival.
            emit_label = (
                "(event) => { const line = event.target.closest('[data-entry]'); line && emit(line.dataset.entry) }"
            )
            self._list.box.on("click", self._on_pressed, js_handler=emit_label)
            text("↑ ↓ choose, Enter runs it, Esc closes", "muted hints")
        self._field.props["aria-controls"] = self._list.box.html_id

    async def open(self) -> None:
        """Open it, empty: what it has shown before may have been about another page."""
        self._field.value = ""
        self._offered.clear()
        self._entries, self._shown = [], None
        self._list.show(None, key=None)
        self._dialog.open()
        await self._show("")

    async def _on_typed(self) -> None:
        await self._show((self._field.value or "").strip())

    async def _show(self, query: str) -> None:
        self._looks += 1
        look = self._looks
        entries = await self._find(query)
        if look != self._looks:
            return
        self._entries, self._chosen, self._shown = entries, 0, query
        self._list.show(entries, key=(query, [(entry.label, entry.hint) for entry in entries]))
        self._mark_chosen()

    async def _find(self, query: str) -> list[Entry]:
        return await entries_for(query, self._pages())

    def _pages(self) -> list[Entry]:
        return [
            Entry(place.icon, page.title, "go", partial(ui.navigate.to, page.route)) for page, place in self._navigation
        ]

    def _draw(self, entries: list[Entry] | None) -> None:
        self._lines = []
        for entry in entries or []:
            with box("entry").props("role=option") as line:
                line.props["data-entry"] = entry.label
                ui.icon(entry.icon).props("aria-hidden=true")
                text(entry.label, "clip")
                text(entry.hint, "muted clip hint")
            self._offered[entry.label] = entry
            self._lines.append(line)
        if entries == []:
            hint = ", or “pause”" if access.me().may(Role.ADMIN) else ""
            text(f"No matches. Try the beginning of an e-mail address{hint}.", "muted")

    def _move(self, lines: int) -> None:
        if self._lines:
            self._chosen = (self._chosen + lines) % len(self._lines)
            self._mark_chosen()

    def _mark_chosen(self) -> None:
        for number, line in enumerate(self._lines):
            line.props["aria-selected"] = "true" if number == self._chosen else "false"
            line.update()
        line_id = self._lines[self._chosen].html_id if self._lines else None
        self._field.props["aria-activedescendant"] = line_id
        self._field.update()
        if line_id:
            ui.run_javascript(f"document.getElementById('{line_id}')?.scrollIntoView({{block: 'nearest'}})")

    async def _choose(self, event: GenericEventArguments) -> None:
        query = str(event.args or "").strip()
        if query == self._shown:
            entry = self._entries[self._chosen] if self._entries else None
        else:
            # Asked for itself: letters typed earlier may arrive later, and what is shown is then theirs.
            entry = next(iter(await self._find(query)), None)
        if entry:
            await self._run(entry)

    async def _on_pressed(self, event: GenericEventArguments) -> None:
        if entry := self._offered.get(str(event.args)):
            await self._run(entry)

    async def _run(self, entry: Entry) -> None:
        self._dialog.close()
        await attempt(self._dialog.client, entry.act)
