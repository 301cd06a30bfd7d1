"""Buttons of commands that steer the engine: they ask, do, and say what was done; or say who may."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from nicegui import ui

from core.commands.registry import COMMANDS
from ui import access
from ui.components.base.button import DANGER, PLAIN, button, forbid, say
from ui.components.base.confirm import Question, Yes, confirm


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAction:
    """A command as a button: the word on it, to what, the question before it, and what is said afterwards."""

    command: str
    words: str
    done: str
    target: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    question: Question | None = None
    icon: str | None = None


def command_button(order: CommandAction, after: Callable[[], Awaitable[Any]]) -> ui.button:
    """Return the button; `after` shows what became of it."""

    takes_away = order.question is not None and order.question.takes_away
    look = DANGER if takes_away else PLAIN
    return only_for(
        button(order.words, lambda: perform_action(order, after), look=look, icon=order.icon), order.command
    )


async def perform_action(order: CommandAction, after: Callable[[], Awaitable[Any]]) -> None:
    """Ask if it has a question, do it, and say that it is done. Raises a Refused."""
    question = _question(order)
    yes = await confirm(question) if question else Yes(None)
    if yes is None:
        return
    answer = await access.perform(order.command, order.target, order.args, reason=yes.reason)
    say(order.done, answer.get("job_id"))
    await after()


def _question(order: CommandAction) -> Question | None:
    """Return what is asked before it is done: its own question, with the field for a reason where one is needed."""
    if not COMMANDS[order.command].needs_reason:
        return order.question
    return replace(order.question or Question(f"{order.words}?", [], order.words), needs_reason=True)


def only_for(made: ui.button, command: str) -> ui.button:
    """Let a button be pressed by whoever may give this command; others read who may."""
    role, actor = COMMANDS[command].role, access.me()
    if actor.may(role):
        return made
    return forbid(made, f"{COMMANDS[command].label} needs the role {role}; you are {actor.role}.")
