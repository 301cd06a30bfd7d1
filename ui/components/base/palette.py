"""The palette on Ctrl+K: go to a page, find a user, and run the commands that are safe from anywhere."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlmodel import Session

from core.diagnosis.answer import Diagnosis
from core.diagnosis.service_check import after_check
from core.diagnosis.user import diagnose_user
from core.models import Role, User
from core.people.users import HELD_UP, SAY_MORE, UserLine, find_users
from ui import access, query_cache
from ui.components.base.box import Part, box, text
from ui.components.base.button import attempt, say
from ui.components.base.command_button import perform_action
from ui.components.base.confirm import Question, confirm
from ui.components.base.pause import pause_of
from ui.components.base.remedy import is_retry
from ui.page import Places
from ui.service_checks import service_checks

#: Users that one search of the palette shows; the page Users shows more.
MOST_USERS: Final = 6
#: Users among them whose diagnosis is shown.
MOST_EXPLAINED: Final = 3
#: Letters from which on the palette searches for users.
FEWEST_LETTERS: Final = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: what it says, and what happens when it is chosen."""

    icon: str
    label: str
    hint: str
    act: Callable[[], Awaitable[Any] | Any]


class Palette:
    """A field and the entries that match its text; the first one is chosen until the arrows move on."""

    def __init__(self, navigation: Places) -> None:
        self._navigation = navigation
        self._entries: list[Entry] = []
        #: All entries shown since the palette was opened, by label.
        self._offered: dict[str, Entry] = {}
        self._lines: list[ui.element] = []
        self._chosen = 0
        self._query = ""
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
            self._list: Part[list[Entry]] = Part(self._draw, "entries")
            self._list.box.props('role=listbox aria-label="Matches"')
            # The list handles clicks, since a line may be drawn anew between the click and its arrival.
            emit_label = (
                "(event) => { const line = event.target.closest('[data-entry]'); line && emit(line.dataset.entry) }"
            )
            self._list.box.on("click", self._on_pressed, js_handler=emit_label)
            text("↑ ↓ choose, Enter runs it, Esc closes", "muted hints")
        self._field.props["aria-controls"] = self._list.box.html_id

    async def open(self) -> None:
        """Open it, empty."""
        self._field.value = ""
        self._offered.clear()
        self._dialog.open()
        await self._show("")

    async def _on_typed(self) -> None:
        await self._show((self._field.value or "").strip())

    async def _show(self, query: str) -> None:
        self._query = query
        entries = await self._find(query)
        if query != self._query:
            return
        self._entries, self._chosen, self._shown = entries, 0, query
        self._list.show(entries, key=(query, [(entry.label, entry.hint) for entry in entries]))
        self._mark_chosen()

    async def _find(self, query: str) -> list[Entry]:
        return [*_matching(query, [*self._pages(), *await _queue_commands()]), *await _people(query)]

    def _pages(self) -> list[Entry]:
        return [
            Entry(place.icon, page.title, "go", partial(ui.navigate.to, page.route)) for page, place in self._navigation
        ]

    def _draw(self, entries: list[Entry]) -> None:
        self._lines = []
        for entry in entries:
            with box("entry").props("role=option") as line:
                line.props["data-entry"] = entry.label
                ui.icon(entry.icon).props("aria-hidden=true")
                text(entry.label, "clip")
                text(entry.hint, "muted clip hint")
            self._offered[entry.label] = entry
            self._lines.append(line)
        if not entries:
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


def _matching(query: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries whose label contains each word of the query."""
    return [entry for entry in entries if all(word in entry.label.lower() for word in query.lower().split())]


async def _queue_commands() -> list[Entry]:
    """Return the pause or resume of each queue, for admins."""
    if not access.me().may(Role.ADMIN):
        return []
    summary = await query_cache.queues.now()
    actions = [pause_of("queue", queue.line.name, paused=queue.line.paused_at) for queue in summary.queues]
    return [
        Entry(action.icon or "", f"{action.label} queue {action.args['name']}{'…' * bool(action.question)}", "do", act)
        for action in actions
        for act in [partial(perform_action, action, query_cache.queues.anew)]
    ]


async def _people(query: str) -> list[Entry]:
    """Return the users that match, and the retry of each whose demo mode failed."""
    is_retry = query.lower().startswith("retry")
    user_query = query.split()[-1] if is_retry and len(query.split()) > 1 else query
    if len(user_query) < FEWEST_LETTERS:
        return []
    lines = await access.load(_people_explained, user_query)
    people = [
        Entry("person", line.email, hint, partial(ui.navigate.to, f"/users/{line.id}")) for line, hint, _ in lines
    ]
    retries = [
        Entry("replay", f"Retry failed of {line.email}…", "do", partial(_retry, line))
        for line, _, is_retried in lines
        if is_retried and access.me().may(Role.SUPPORT)
    ]
    # Enter runs the first one: a user is seen before anything is done to them, unless a retry was asked for.
    return retries if is_retry else [*people, *retries]


def _people_explained(session: Session, query: str) -> list[tuple[UserLine, str, bool]]:
    """Return the first users that match, each with their state, and whether Retry is what helps them.

    Of the first who need help, the state has the sentence, too.
    """
    lines = find_users(session, query)[:MOST_USERS]
    in_need = [line.id for line in lines if line.situation in HELD_UP]
    diagnoses = {each: diagnosis for each in in_need if (diagnosis := _diagnosis(session, each))}
    sentences = {each: diagnoses[each].sentence for each in in_need[:MOST_EXPLAINED] if each in diagnoses}
    return [
        (line, _hint(line, sentences.get(line.id, "")), line.id in diagnoses and _is_retried(diagnoses[line.id]))
        for line in lines
    ]


def _hint(line: UserLine, sentence: str) -> str:
    status = line.situation if line.situation in SAY_MORE else f"demo mode {line.status}"
    return f"{status} · {sentence}" if sentence else status


def _is_retried(diagnosis: Diagnosis) -> bool:
    return diagnosis.remedy is not None and is_retry(diagnosis.remedy)


async def _retry(line: UserLine) -> None:
    """Ask for a reason and retry the failed job; where something else has come since, show the user instead."""
    diagnosis = await access.load(_diagnosis, line.id)
    check = await service_checks.now(diagnosis.service) if diagnosis and diagnosis.service else None
    now = after_check(diagnosis, check) if diagnosis else None
    # While its service fails, it is among the others, and its effect says so.
    remedy = next(filter(is_retry, (now.remedy, *now.others)), None) if now else None
    if remedy is None:
        ui.navigate.to(f"/users/{line.id}")
        return
    question = Question(f"Retry the failed job of {line.email}?", [remedy.effect], "Retry", asks_reason=True)
    if yes := await confirm(question):
        answer = await access.perform(remedy.command, remedy.target, reason=yes.reason)
        say(f"Retrying for {line.email}.", answer.get("job_id"))


def _diagnosis(session: Session, user_id: UUID) -> Diagnosis | None:
    user = session.get(User, user_id)
    return diagnose_user(session, user) if user else None
