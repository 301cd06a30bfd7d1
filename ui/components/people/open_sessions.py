"""A person's open sessions with buttons to end them: your own, or another person's for admins."""

from collections.abc import Callable
from uuid import UUID

from sqlmodel import Session

from core.actor import Actor
from core.database.window import Window
from core.people import sessions
from core.people.sessions import SessionLine
from ui import access, design
from ui.components.base.box import Part, Rows, box, keep_fresh, text
from ui.components.base.button import DANGER, PLAIN, button, say
from ui.components.base.confirm import Question, confirm
from ui.components.base.pager import Pager
from ui.components.base.times import set_time, time_text


class OpenSessions:
    """A person's sessions, kept fresh; `actor` is the viewer."""

    def __init__(self, actor: Actor, user_id: UUID) -> None:
        self._actor = actor
        self._user_id = user_id
        self._is_own = actor.id == user_id
        with box("part") as self._box:
            self._none: Part[bool] = Part(_draw_none)
            self._rows: Rows[SessionLine] = Rows(self._row, "rows own-list", "ul")
            self._rows.box.props('aria-label="Sessions"')
            self._pager = Pager("sessions", self.refresh)
            self._others: Part[bool] = Part(self._draw_end_others, "actions")

    async def begin(self) -> None:
        """Show the sessions and keep them fresh."""
        await self.refresh()
        keep_fresh(self._box, self.refresh, user_id=self._user_id)

    async def refresh(self) -> None:
        """Read the sessions and show what changed."""
        self.show(await access.load(self.read))

    def read(self, session: Session) -> Window[SessionLine]:
        """Read the sessions."""
        return sessions.lines_of(session, self._actor, self._user_id, self._pager.start)

    def show(self, lines: Window[SessionLine]) -> None:
        """Show what changed."""
        self._none.show(not lines, key=not lines)
        self._rows.show({line.id: line for line in lines})
        self._pager.show(lines)
        has_others = lines.start > 0 or any(not line.current for line in lines)
        self._others.show(has_others, key=has_others)

    def _draw_end_others(self, has_others: bool) -> None:  # noqa: FBT001 - what the part shows
        if has_others:
            label = "Sign out everywhere else" if self._is_own else "Sign out everywhere"
            button(label, self._end_others, look=DANGER)

    def _row(self, line: SessionLine) -> Callable[[SessionLine], None]:
        with box(tag="li"):
            with box("what"):
                with box("hbox wrap"):
                    text(line.device, "strong")
                    if line.current:
                        text("This session", f"badge {design.OK}")
                with box("muted small"):
                    text(f"{line.ip or 'unknown address'} · signed in ")
                    time_text(line.started_at)
                    text(" · last used ")
                    seen = time_text(line.last_seen_at)
            if not line.current:
                element = button("Sign out", lambda: self._end(line), look=PLAIN)
                element.props["aria-label"] = f"Sign out {line.device}, {line.ip}"
        return lambda now: set_time(seen, now.last_seen_at)

    async def _end(self, line: SessionLine) -> None:
        await self._ask_and_end("session.revoke", line.id, f"{line.device} signed out.")

    async def _end_others(self) -> None:
        done = "Signed out everywhere else." if self._is_own else "Signed out everywhere."
        await self._ask_and_end("session.revoke_others", self._user_id, done)

    async def _ask_and_end(self, command: str, target: UUID, done: str) -> None:
        """End sessions; for another person's sessions, ask first and take a reason."""
        reason = None
        if not self._is_own:
            consequences = ["Their open pages close within a second. They can sign in again unless you disable them."]
            agreement = await confirm(
                Question("Sign them out?", consequences, "Sign out", asks_reason=True, takes_away=True)
            )
            if agreement is None:
                return
            reason = agreement.reason
        answer = await access.perform(command, target, reason=reason)
        await self.refresh()
        say(done if answer["ended"] else "No other session was open.")


def _draw_none(is_empty: bool) -> None:  # noqa: FBT001 - what the part shows
    if is_empty:
        text("Not signed in anywhere.", "muted", tag="p")
