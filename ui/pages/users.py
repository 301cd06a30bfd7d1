"""Users: a search that updates while typing, and lists of users who need help."""

from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui
from sqlmodel import Session

from core.database.window import Window
from core.people.users import Need, UserLine, find_users, users_in_need
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, text
from ui.components.base.empty import empty
from ui.components.base.markup import set_html, title, words
from ui.components.base.pager import Pager
from ui.components.base.state_chip import chip_of, set_pressed, state_words
from ui.components.people.user_lines import user_lines
from ui.console_pages import note_address

#: Seconds between two refreshes while users change.
LOOK_AGAIN: Final = 1.0

_NEEDS: Final = {Need.STUCK: "stuck", Need.FAILED: "failed", Need.MOVING: "moving"}


async def draw(q: str = "", need: str = "") -> None:
    """Draw the search and its results."""
    await UserSearch(q, Need(need) if need in list(Need) else None).begin()


class UserSearch:
    """A search field, quick filters with counts, and the matching users."""

    def __init__(self, search: str, need: Need | None) -> None:
        self._search = search
        self._need = need
        with box("screen padded") as self._screen:
            with box("headline"):
                text("Users", tag="h1")
                self._field = ui.input(placeholder="E-mail, name or id", value=search, on_change=self._typed)
                self._field.props(
                    'outlined dense clearable autofocus debounce=250 aria-label="Search users" data-key=/'
                )
                self._field.classes("field grow").style("max-width: 420px")
                self._chips = {each: self._chip(each) for each in Need}
            with box("panel"):
                self._rows: Part[Window[UserLine]] = Part(self._draw_rows)
                self._pager = Pager("users", self.refresh)

    async def begin(self) -> None:
        """Show the matching users, and keep them fresh."""
        await self.refresh()
        keep_roughly_fresh(self._screen, self.refresh, seconds=LOOK_AGAIN)

    async def refresh(self) -> None:
        """Search and count again."""
        query = (self._search, self._need, self._pager.start)
        lines, counts = await access.load(_read, *query)
        if self._screen.is_deleted or query != (self._search, self._need, self._pager.start):
            return
        self._pager.show(lines)
        self._rows.show(lines, key=(query, tuple(lines)))
        for need, chip in self._chips.items():
            set_html(chip, *_need_words(need, f"{counts[need]:,}"))
            set_pressed(chip, need is self._need)

    async def _typed(self) -> None:
        self._search = (self._field.value or "").strip()
        await self._changed()

    async def _toggle(self, need: Need) -> None:
        self._need = None if need is self._need else need
        await self._changed()

    async def _changed(self) -> None:
        parameters = {"q": self._search, "need": self._need.value if self._need else ""}
        query = urlencode({name: value for name, value in parameters.items() if value})
        self._pager.start = 0
        note_address(f"/users?{query}" if query else "/users")
        await self.refresh()

    def _chip(self, need: Need) -> ui.element:
        return chip_of(*_need_words(need, "–")).on("click", partial(self._toggle, need))

    def _draw_rows(self, lines: Window[UserLine]) -> None:
        if not lines:
            self._draw_no_users()
            return
        title(
            _NEEDS[self._need].capitalize() if self._need else "Found" if self._search else "Newest",
            f"{len(lines)} shown; type to narrow" if lines.next else f"{len(lines)} shown",
        )
        user_lines(lines)

    def _draw_no_users(self) -> None:
        if self._search:
            empty("person_search", "No users match", "Try the start of the e-mail address, the name or the id.")
        elif self._need:
            empty("check_circle", f"No users are {_NEEDS[self._need]}", "This list updates automatically.")
        else:
            empty("group", "No users yet", "Load the sample data with main.py sample, or wait for the first sign-up.")


def _read(session: Session, search: str, need: Need | None, start: int) -> tuple[Window[UserLine], Mapping[Need, int]]:
    """Return the matching users and the counts, as they are at one moment."""
    return find_users(session, search, need, start), users_in_need(session)


def _need_words(need: Need, count: str) -> tuple[Markup, Markup]:
    return state_words(need.value, _NEEDS[need]), words(count, "n")
