"""A person's access, for admins: state, actions and open sessions."""

from uuid import UUID

from sqlmodel import Session

from core.database.window import Window
from core.models import Role
from core.people.operator_list import OperatorLine, operator_line
from core.people.sessions import SessionLine
from ui import access
from ui.components.base.box import Part, box, keep_fresh, text
from ui.components.base.state_chip import state_chip
from ui.components.people.open_sessions import OpenSessions
from ui.components.people.person_actions import draw_person_actions


class PersonAccess:
    """The panel, kept fresh."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        with box("panel access", "section").props("aria-label=Access"):
            self._head: Part[OperatorLine] = Part(_draw_head, "title")
            with box("body vbox"):
                self._sessions = OpenSessions(access.me(), user_id)
                self._actions: Part[OperatorLine] = Part(
                    lambda now: draw_person_actions(now, self.refresh), "hbox wrap"
                )

    async def begin(self) -> None:
        """Show the panel and keep it fresh."""
        await self.refresh()
        keep_fresh(self._head.box, self.refresh, user_id=self._user_id)

    async def refresh(self) -> None:
        """Load the person's access and show what changed."""
        now, lines = await access.load_for(Role.ADMIN, self._read)
        self._sessions.show(lines)
        self._head.show(now, key=(now.access, now.role, now.has_factor))
        self._actions.show(now, key=(now.access, now.role, now.has_factor))

    def _read(self, session: Session) -> tuple[OperatorLine, Window[SessionLine]]:
        return operator_line(session, self._user_id), self._sessions.read(session)


def _draw_head(person: OperatorLine) -> None:
    text("Access", tag="h2")
    state_chip(person.access)
    text(f"{person.role} · second factor {'on' if person.has_factor else 'off'}", "muted")
