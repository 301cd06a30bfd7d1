"""Buttons of commands that steer the engine: they ask, do, and say what was done; or say who may."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from nicegui import ui

from core.commands import COMMANDS
from ui import access
from ui.components.button import DANGER, PLAIN, button, forbid, say
from ui.components.confirm import Question, confirm


@dataclass(frozen=True, slots=True, kw_only=True)
class Steer:
    """A command as a button: the word on it, to what, the question before it, and what is said afterwards."""

    command: str
    words: str
    done: str
    target: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    question: Question | None = None
    icon: str | None = None


def steer_button(steer: Steer, after: Callable[[], Awaitable[None]]) -> ui.button:
    """Return the button; `after` shows what became of it."""

    async def press() -> None:
        reason = None
        if steer.question:
            yes = await confirm(steer.question)
            if yes is None:
                return
            reason = yes.reason
        answer = await access.perform(steer.command, steer.target, steer.args, reason=reason)
        say(steer.done, answer.get("job_id"))
        await after()

    takes_away = steer.question is not None and steer.question.takes_away
    made = button(steer.words, press, look=DANGER if takes_away else PLAIN, icon=steer.icon)
    return only_for(made, steer.command)


def only_for(made: ui.button, command: str) -> ui.button:
    """Let a button be pressed by whoever may give this command; others read who may."""
    role, actor = COMMANDS[command].role, access.me()
    if actor.may(role):
        return made
    return forbid(made, f"{COMMANDS[command].label} needs the role {role}; you are {actor.role}.")
