"""Users: a search that updates while typing, and lists of users who need help."""

from functools import partial
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui
from nicegui.events import GenericEventArguments

from core.database.window import Window
from core.diagnosis.situation import Situation
from core.diagnosis.user_situation import LISTED
from core.people.in_need import NeedGroup
from core.people.user_listing import UserListing
from core.people.users import HELD_UP, UserLine, UserQuery, find_users, problem_of
from ui import access, query_cache
from ui.components.base.box import Part, box, keep_roughly_fresh, link, text
from ui.components.base.empty import empty
from ui.components.base.markup import set_html, title, words
from ui.components.base.pager import Pager
from ui.components.base.state_chip import chip_of, set_pressed, state_words
from ui.components.people.need_groups import draw_need_head
from ui.components.people.user_lines import need_lines, user_lines
from ui.console_pages import Change, note_address

#: Seconds between two refreshes while users change.
LOOK_AGAIN: Final = 1.0

#: Stands for a reason that the database cannot hold: nobody is there for it.
NO_REASON: Final = "\N{REPLACEMENT CHARACTER}"


async def draw(q: str = "", situation: str = "", need: str = "", because: str = "") -> None:
    """Draw the search and its results; `need` is what links of earlier releases call the situation.

    `because`: only those who are in the situation for one reason, a queue or an error.
    """
    listed = situation or need
    asked = UserQuery(q, Situation(listed) if listed in LISTED else None, because=because)
    problem = problem_of(asked.situation, because)
    if problem:  # a reason that nobody can have stands for itself, and one without its situation for nothing
        asked = asked._replace(because=NO_REASON if asked.situation in HELD_UP else "")
    await UserSearch(asked, problem).begin()


class UserSearch:
    """A search field, quick filters with counts, and the matching users."""

    def __init__(self, asked: UserQuery, problem: str) -> None:
        """`problem`: what is wrong with the address, until something else is asked for."""
        self._search = search = asked.search
        self._situation, self._because = asked.situation, asked.because
        with box("screen padded") as self._screen:
            with box("headline"):
                text("Users", tag="h1")
                self._field = ui.input(placeholder="E-mail, name or id", value=search, on_change=self._typed)
                self._field.props(
                    'outlined dense clearable autofocus debounce=250 aria-label="Search users" data-key=/'
                )
                self._field.classes("field grow").style("max-width: 420px")
                # The browser's text: the server may not have received the last letters yet.
                self._field.on("keydown.enter.prevent", self._open_only_hit, js_handler="(e) => emit(e.target.value)")
                self._chips = {each: self._chip(each) for each in LISTED}
            self._problem = text(problem, "wrongbox", tag="p").props("role=alert")
            self._problem.set_visibility(bool(problem))
            self._head: Part[NeedGroup | None] = Part(self._draw_head, "panel")
            with box("panel"):
                self._rows: Part[Window[UserLine]] = Part(self._draw_rows)
                self._pager = Pager("users", self.refresh)

    async def begin(self) -> None:
        """Show the matching users, and keep them fresh."""
        await self.refresh()
        keep_roughly_fresh(self._screen, self._follow, seconds=LOOK_AGAIN)

    async def refresh(self) -> None:
        """Search and count again, for a person who has just changed something."""
        query = self._query()
        self._show(query, await query_cache.users.anew(query))

    async def _follow(self) -> None:
        query = self._query()
        self._show(query, await query_cache.users.now(query))

    def _query(self) -> UserQuery:
        return UserQuery(self._search, self._situation, self._pager.start, self._because)

    def _show(self, query: UserQuery, found: UserListing) -> None:
        if self._screen.is_deleted or query != self._query():
            return
        self._head.show(found.group, key=found.group)
        self._head.box.set_visibility(found.group is not None)
        self._pager.show(found.lines)
        self._rows.show(found.lines, key=(query, tuple(found.lines)))
        for situation, chip in self._chips.items():
            set_html(chip, *_chip_words(situation, f"{found.numbers[situation]:,}"))
            set_pressed(chip, situation is self._situation)

    async def _typed(self) -> None:
        self._search = (self._field.value or "").strip()
        await self._changed("typed")

    async def _open_only_hit(self, event: GenericEventArguments) -> None:
        # Asked for itself: letters typed earlier may arrive later, and what is shown is then theirs.
        self._search = search = str(event.args or "").strip()
        await self._changed("step")
        lines = await access.load(find_users, search, self._situation, 0, self._because) if search else []
        if len(lines) == 1:
            ui.navigate.to(f"/users/{lines[0].id}")

    async def _toggle(self, situation: Situation) -> None:
        self._situation = None if situation is self._situation and not self._because else situation
        self._because = ""
        await self._changed("step")

    async def _changed(self, change: Change) -> None:
        parameters = {"q": self._search, "situation": self._situation or "", "because": self._because}
        query = urlencode({name: value for name, value in parameters.items() if value})
        self._pager.start = 0
        self._problem.set_visibility(False)
        note_address(f"/users?{query}" if query else "/users", change=change)
        await self.refresh()

    def _chip(self, situation: Situation) -> ui.element:
        return chip_of(*_chip_words(situation, "–")).on("click", partial(self._toggle, situation))

    def _draw_head(self, group: NeedGroup | None) -> None:
        if group:
            draw_need_head(group, self.refresh)

    def _draw_rows(self, lines: Window[UserLine]) -> None:
        if not lines:
            self._draw_no_users()
            return
        is_held_up = self._situation in HELD_UP
        order = ", the longest first" if is_held_up else ""
        order = f"{order}, all for one reason" if is_held_up and self._because else order
        title(
            self._situation.capitalize() if self._situation else "Found" if self._search else "Newest",
            f"{len(lines)} shown{order}; type to narrow" if lines.next else f"{len(lines)} shown{order}",
        )
        if is_held_up:
            need_lines(lines)
        else:
            user_lines(lines)

    def _draw_no_users(self) -> None:
        if self._search:
            empty("person_search", "No users match", "Try a part of the e-mail address or name, or the start of an id.")
        elif self._situation and self._because:
            where = f"/users?situation={self._situation}"
            with empty("check_circle", f"Nobody is {self._situation} for this reason any more"):
                link(where, label=f"All {self._situation} users")
        elif self._situation:
            empty("check_circle", f"No users are {self._situation}", "This list updates automatically.")
        else:
            empty("group", "No users yet", "Load the sample data with main.py sample, or wait for the first sign-up.")


def _chip_words(situation: Situation, count: str) -> tuple[Markup, Markup]:
    return state_words(situation), words(count, "n")
