"""Operators: people with access to the console, with role, second factor, sessions and last visit."""

from collections.abc import Callable

from core.models import Role
from core.people.operator_list import OperatorLine, operator_lines
from core.wording import counted
from ui import access
from ui.components.base.box import Part, Rows, box, keep_roughly_fresh, link, text
from ui.components.base.pager import Pager
from ui.components.base.state_chip import set_state, state_chip
from ui.components.base.table import cell, table
from ui.components.base.times import time_text
from ui.components.people.person_actions import add_button, draw_person_actions

#: Seconds between two refreshes while things change.
REFRESH_SECONDS = 1.0


async def draw() -> None:
    """Draw the operators and keep them fresh."""
    page = OperatorsPage()
    await page.refresh()
    keep_roughly_fresh(page.screen, page.refresh, seconds=REFRESH_SECONDS)


class OperatorsPage:
    """All operators, sorted by e-mail address."""

    def __init__(self) -> None:
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Operators", tag="h1")
                text("People with access to this console, and their roles.", "muted")
                box("grow")
                add_button(self.refresh)
            with box("panel", "section").props("aria-label=Operators"):
                columns = ("Person", "Access", "Role", "Second factor", "Sessions", "Last seen")
                with table("Operators", columns):
                    self._rows: Rows[OperatorLine] = Rows(self._draw_row, "", "tbody")
                self._pager = Pager("operators", self.refresh)

    async def refresh(self) -> None:
        """Load the operators again; lines change in place."""
        operators = await access.load_for(Role.ADMIN, operator_lines, self._pager.start)
        self._rows.show({person.id: person for person in operators})
        self._pager.show(operators)

    def _draw_row(self, person: OperatorLine) -> Callable[[OperatorLine], None]:
        with box(tag="tr"):
            with cell("Person"):
                link(f"/users/{person.id}", "strong", person.email)
                text(person.name or "", "muted", tag="div")
            with cell("Access"):
                chip = state_chip(person.access)
            with cell("Role"):
                role = text("")
            with cell("Second factor"):
                factor = text("")
            with cell("Sessions"):
                opened = text("")
            with cell("Last seen"):
                seen: Part[OperatorLine] = Part(_draw_seen)
            with cell("", "buttons"):
                buttons: Part[OperatorLine] = Part(lambda now: draw_person_actions(now, self.refresh), "hbox")

        def update(now: OperatorLine) -> None:
            set_state(chip, now.access)
            role.set_text(now.role.capitalize())
            factor.set_text("on" if now.has_factor else "off")
            opened.set_text(counted(now.sessions, "session") if now.sessions else "none")
            seen.show(now, key=now.last_seen_at)
            buttons.show(now, key=(now.access, now.role, now.has_factor))

        return update


def _draw_seen(person: OperatorLine) -> None:
    if person.last_seen_at:
        time_text(person.last_seen_at)
    else:
        text("not recently", "muted")
