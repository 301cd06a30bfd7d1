"""Where one is signed in: every open session, with a way to end it."""

from uuid import UUID

from core import sessions
from core.actor import Actor
from core.sessions import SessionLine
from ui import access, design
from ui.components.box import Part, box, keep_fresh, text
from ui.components.button import DANGER, PLAIN, button, say
from ui.components.times import time_text


class MySessions:
    """The list of one's own sessions, kept fresh."""

    def __init__(self, actor: Actor, user_id: UUID) -> None:
        self._actor = actor
        self._user_id = user_id
        self._part: Part[list[SessionLine]] = Part(self._draw, "part")

    async def begin(self) -> None:
        """Show the sessions now, and keep them fresh."""
        await self.refresh()
        keep_fresh(self._part.box, self.refresh, user_id=self._user_id)

    async def refresh(self) -> None:
        """Load the sessions and show what is new."""
        lines = await access.load(sessions.lines_of, self._actor, self._user_id)
        self._part.show(lines, key=[(line.id, line.last_seen_at) for line in lines])

    def _draw(self, lines: list[SessionLine]) -> None:
        with box("rows", "ul").props('aria-label="Sessions"'):
            for line in sorted(lines, key=lambda each: not each.current):
                self._row(line)
        if any(not line.current for line in lines):
            with box("actions"):
                button("Sign out everywhere else", self._end_others, look=DANGER)

    def _row(self, line: SessionLine) -> None:
        with box(tag="li"):
            with box("what"):
                with box("hbox wrap"):
                    text(line.device, "strong")
                    if line.current:
                        text("This one", f"badge {design.OK}")
                with box("muted small"):
                    text(f"{line.ip or 'unknown address'} · signed in ")
                    time_text(line.started_at)
                    text(" · last used ")
                    time_text(line.last_seen_at)
            if not line.current:
                made = button("Sign out", lambda: self._end(line), look=PLAIN)
                made.props["aria-label"] = f"Sign out {line.device}, {line.ip}"

    async def _end(self, line: SessionLine) -> None:
        await access.perform("session.revoke", line.id)
        await self.refresh()
        say(f"{line.device} is signed out.")

    async def _end_others(self) -> None:
        await access.perform("session.revoke_others", self._user_id)
        await self.refresh()
        say("You are signed out everywhere else.")
