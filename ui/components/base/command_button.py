"""Buttons for commands: they ask, run the command and show the outcome, or name the role it needs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from nicegui import ui

from core.commands.registry import COMMANDS
from ui import access
from ui.components.base.asking import question_before
from ui.components.base.button import DANGER, PLAIN, button, forbid
from ui.components.base.confirm import Question, Yes, confirm
from ui.components.base.outcome import OUTCOMES
from ui.components.base.undo_toast import say_undoable


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAction:
    """A command as a button: its label, target, message afterwards, and a question instead of the command's own."""

    command: str
    label: str
    done: str
    target: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    question: Question | None = None
    icon: str | None = None
    #: What it does here, as the command's question says it; empty: only what the command itself knows.
    effect: str = ""


def command_button(action: CommandAction, after: Callable[[], Awaitable[Any]]) -> ui.button:
    """Return the button; `after` runs once the command has succeeded."""

    takes_away = action.question is not None and action.question.takes_away
    look = DANGER if takes_away else PLAIN
    return limit_to_role(
        button(action.label, lambda: perform_action(action, after), look=look, icon=action.icon), action.command
    )


async def perform_action(action: CommandAction, after: Callable[[], Awaitable[Any]]) -> None:
    """Ask its own question or the command's, run the command and report success. Raises Refused."""
    question = action.question or await question_before(
        action.command, action.target, action.args, label=action.label, effect=action.effect
    )
    if question and COMMANDS[action.command].needs_reason:
        question = replace(question, needs_reason=True)
    agreement = await confirm(question) if question else Yes(None)
    if agreement is None:
        return
    answer, entry = await access.perform_undoable(action.command, action.target, action.args, reason=agreement.reason)
    done = OUTCOMES[action.command](answer) if action.command in OUTCOMES else action.done
    say_undoable(done, entry, after, answer.get("job_id"))
    await after()


def limit_to_role(element: ui.button, command: str) -> ui.button:
    """Deactivate a button for people without the command's role; it then says which role it needs."""
    role, actor = COMMANDS[command].role, access.me()
    if actor.may(role):
        return element
    return forbid(element, f"{COMMANDS[command].label} needs the role {role}; you are {actor.role}.")
