"""Users: found as one types, and the lists of those who need someone."""

from functools import partial
from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from core.people.users import MOST, Need, UserLine, find_users, users_in_need
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, link, text
from ui.components.base.empty import empty
from ui.components.base.state_chip import state_chip
from ui.console_pages import note_address

#: Seconds between two looks while users change.
LOOK_AGAIN: Final = 1.0

_NEEDS: Final = {Need.STUCK: "stuck", Need.FAILED: "failed", Need.MOVING: "on their way"}


async def draw(q: str = "", need: str = "") -> None:
    """Draw the search and what it finds."""
    await UserSearch(q, Need(need) if need in list(Need) else None).begin()


class UserSearch:
    """A search field, quick filters with counts, and the users that fit."""

    def __init__(self, words: str, need: Need | None) -> None:
        self._words = words
        self._need = need
        with box("screen padded") as self._screen:
            with box("headline"):
                text("Users", tag="h1")
                self._field = ui.input(placeholder="E-mail, name or id", value=words, on_change=self._typed)
                self._field.props(
                    'outlined dense clearable autofocus debounce=250 aria-label="Search users" data-key=/'
                )
                self._field.classes("field grow").style("max-width: 420px")
                self._chips = {each: self._chip(each) for each in Need}
            with box("panel"):
                self._rows: Part[list[UserLine]] = Part(self._draw_rows)

    async def begin(self) -> None:
        """Show what is asked for now, and keep it fresh."""
        await self.refresh()
        keep_roughly_fresh(self._screen, self.refresh, seconds=LOOK_AGAIN)

    async def refresh(self) -> None:
        """Find again, and count again."""
        asked = (self._words, self._need)
        found = await access.load(find_users, *asked)
        counts = await access.load(users_in_need)
        if self._screen.is_deleted or asked != (self._words, self._need):
            return
        self._rows.show(found, key=(asked, tuple(found)))
        for need, (chip, count) in self._chips.items():
            count.set_text(f"{counts[need]:,}")
            chip.props["aria-pressed"] = "true" if need is self._need else "false"
            chip.update()

    async def _typed(self) -> None:
        self._words = (self._field.value or "").strip()
        await self._changed()

    async def _toggle(self, need: Need) -> None:
        self._need = None if need is self._need else need
        await self._changed()

    async def _changed(self) -> None:
        asked = {"q": self._words, "need": self._need.value if self._need else ""}
        query = urlencode({name: value for name, value in asked.items() if value})
        note_address(f"/users?{query}" if query else "/users")
        await self.refresh()

    def _chip(self, need: Need) -> tuple[ui.element, ui.label]:
        with box("chip", "button").props("type=button aria-pressed=false") as chip:
            state_chip(need.value).set_text(_NEEDS[need])
            count = text("–", "n")
        return chip.on("click", partial(self._toggle, need)), count

    def _draw_rows(self, found: list[UserLine]) -> None:
        if not found:
            self._draw_nobody()
            return
        with box("title"):
            text("In need" if self._need else "Found" if self._words else "Newest", tag="h2")
            text(f"the first {MOST}; type to narrow" if len(found) == MOST else f"{len(found)} shown", "muted")
        with box("rows users"):
            for line in found:
                _draw_row(line)

    def _draw_nobody(self) -> None:
        if self._words:
            empty("person_search", "Nobody fits", "Try the beginning of the e-mail address, of the name, or the id.")
        elif self._need:
            empty("check_circle", f"Nobody is {_NEEDS[self._need]}", "This list fills by itself when somebody is.")
        else:
            empty("group", "There are no users yet", "Load the sample with main.py sample, or let somebody sign up.")


def _draw_row(line: UserLine) -> None:
    with link(f"/users/{line.id}"):
        state_chip("stuck" if line.is_stuck else line.status.value)
        text(line.email, "clip strong")
        text(line.name or "", "clip muted")
        text(line.role if line.role != "member" else "", "muted")
