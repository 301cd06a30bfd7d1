"""The palette on Ctrl+K: go to a page, find a user, and do what is safe to do from anywhere."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlmodel import Session

from core.diagnosis.context import Remedy
from core.diagnosis.user import diagnose_user
from core.models import DemoModeStatus, Role, User
from core.people.users import UserLine, find_users
from ui import access, query_cache
from ui.components.base.box import Part, box, text
from ui.components.base.button import attempt, say
from ui.components.base.command_button import perform_action
from ui.components.base.confirm import Question, confirm
from ui.components.base.pause import pause_of

#: Users that one search of the palette shows; the page of users shows more.
MOST_USERS: Final = 6
#: Letters from which on users are looked for.
FEWEST_LETTERS: Final = 2

#: Path, word, icon, key: as the navigation has them.
Places = Sequence[tuple[str, str, str, str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: what it says, and what happens when it is chosen."""

    icon: str
    words: str
    hint: str
    act: Callable[[], Awaitable[Any] | Any]


class Palette:
    """A field and the entries that fit what is written in it; the first one is chosen until the arrows move on."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._entries: list[Entry] = []
        #: Everything that was offered since it was opened.
        self._offered: dict[str, Entry] = {}
        self._lines: list[ui.element] = []
        self._at = 0
        self._words = ""
        props = "position=top transition-show=none transition-hide=none"
        with ui.dialog().props(props) as self._dialog, ui.card().classes("dialog palette"):
            self._dialog.props["aria-label"] = "Palette"
            self._field = ui.input(placeholder="Go to, find a user, or do…", on_change=self._typed)
            self._field.props('outlined dense autofocus debounce=120 role=combobox aria-label="Go to, find or do"')
            self._field.props("aria-expanded=true aria-autocomplete=list").classes("field")
            for key, by in (("down", 1), ("up", -1)):
                self._field.on(f"keydown.{key}.prevent", partial(self._move, by))
            # What stands in the field now, though the server may not have heard of the last letters yet.
            self._field.on("keydown.enter.prevent", self._choose, js_handler="(event) => emit(event.target.value)")
            self._list: Part[list[Entry]] = Part(self._draw, "entries")
            self._list.box.props('role=listbox aria-label="What fits"')
            # Heard by the list, which stays, since a line may be drawn anew between the click and its arrival.
            pressed = (
                "(event) => { const line = event.target.closest('[data-entry]'); line && emit(line.dataset.entry) }"
            )
            self._list.box.on("click", self._pressed, js_handler=pressed)
            text("↑ ↓ choose, Enter does it, Esc closes", "muted hints")
        self._field.props["aria-controls"] = self._list.box.html_id

    async def open(self) -> None:
        """Open it, empty."""
        self._field.value = ""
        self._offered.clear()
        self._dialog.open()
        await self._show("")

    async def _typed(self) -> None:
        await self._show((self._field.value or "").strip())

    async def _show(self, words: str) -> None:
        self._words = words
        found = [*_fitting(words, [*self._pages(), *await _orders()]), *await _people(words)]
        if words != self._words:
            return
        self._entries, self._at = found, 0
        self._list.show(found, key=(words, [(entry.words, entry.hint) for entry in found]))
        self._mark()

    def _pages(self) -> list[Entry]:
        return [Entry(icon, word, "go", partial(ui.navigate.to, path)) for path, word, icon, _ in self._places]

    def _draw(self, entries: list[Entry]) -> None:
        self._lines = []
        for entry in entries:
            with box("entry").props("role=option") as line:
                line.props["data-entry"] = entry.words
                ui.icon(entry.icon).props("aria-hidden=true")
                text(entry.words, "clip")
                text(entry.hint, "muted clip")
            self._offered[entry.words] = entry
            self._lines.append(line)
        if not entries:
            text("Nothing fits. Try the beginning of an e-mail address, or “pause”.", "muted")

    def _move(self, by: int) -> None:
        if self._lines:
            self._at = (self._at + by) % len(self._lines)
            self._mark()

    def _mark(self) -> None:
        for number, line in enumerate(self._lines):
            line.props["aria-selected"] = "true" if number == self._at else "false"
            line.update()
        chosen = self._lines[self._at].html_id if self._lines else None
        self._field.props["aria-activedescendant"] = chosen
        self._field.update()
        if chosen:
            ui.run_javascript(f"document.getElementById('{chosen}')?.scrollIntoView({{block: 'nearest'}})")

    async def _choose(self, event: GenericEventArguments) -> None:
        words = str(event.args or "").strip()
        if words != self._words:
            await self._show(words)
        if self._entries:
            await self._do(self._entries[self._at])

    async def _pressed(self, event: GenericEventArguments) -> None:
        if entry := self._offered.get(str(event.args)):
            await self._do(entry)

    async def _do(self, entry: Entry) -> None:
        self._dialog.close()
        await attempt(self._dialog.client, entry.act)


def _fitting(words: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that have each of the words in them."""
    return [entry for entry in entries if all(word in entry.words.lower() for word in words.lower().split())]


async def _orders() -> list[Entry]:
    """Return what an admin can order from anywhere: to pause and resume queues."""
    if not access.me().may(Role.ADMIN):
        return []
    seen = await query_cache.queues.now()
    orders = [pause_of("queue", queue.line.name, paused=queue.line.paused_at) for queue in seen.queues]
    return [
        Entry(order.icon or "", f"{order.words} queue {order.args['name']}{'…' * bool(order.question)}", "do", act)
        for order in orders
        for act in [partial(perform_action, order, query_cache.queues.anew)]
    ]


async def _people(words: str) -> list[Entry]:
    """Return the users that fit, and for those whose demo mode failed the way to retry it."""
    retrying = words.lower().startswith("retry")
    sought = words.split()[-1] if retrying and len(words.split()) > 1 else words
    if len(sought) < FEWEST_LETTERS:
        return []
    entries: list[Entry] = []
    for line in (await access.load(find_users, sought))[:MOST_USERS]:
        if line.status is DemoModeStatus.FAILED and access.me().may(Role.SUPPORT):
            entries.append(Entry("replay", f"Retry failed of {line.email}…", "do", partial(_retry, line)))
        if not retrying:
            status = "stuck" if line.is_stuck else f"demo mode {line.status}"
            entries.append(Entry("person", line.email, status, partial(ui.navigate.to, f"/users/{line.id}")))
    return entries


async def _retry(line: UserLine) -> None:
    """Ask, and do what the diagnosis recommends; without a failed job there is nothing to retry: show the user."""
    remedy = await access.load(_remedy, line.id)
    if remedy is None or remedy.command != "job.retry":
        ui.navigate.to(f"/users/{line.id}")
        return
    question = Question(f"Retry the failed job of {line.email}?", [remedy.effect], "Retry", asks_reason=True)
    if yes := await confirm(question):
        answer = await access.perform(remedy.command, remedy.target, reason=yes.reason)
        say(f"Retrying for {line.email}.", answer.get("job_id"))


def _remedy(session: Session, user_id: UUID) -> Remedy | None:
    user = session.get(User, user_id)
    return diagnose_user(session, user).remedy if user else None
