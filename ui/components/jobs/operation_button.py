"""Buttons for the operations of a row, derived from their declarations; the row's state decides which work."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from nicegui import ui

from core.actor import Actor
from core.models import PlatformConnection, User
from core.operation import Operation
from ui import access
from ui.components.base.asking import question_of
from ui.components.base.button import PLAIN, PRIMARY, button, forbid, say
from ui.components.base.confirm import Yes, confirm

#: Returns a form's values and the start time; None: now.
Filled = Callable[[], tuple[dict[str, Any], datetime | None]]


def operation_button(
    operation: Operation[Any, Any],
    row: User | PlatformConnection,
    *,
    filled: Filled,
    at_work: bool,
    after: Callable[[], Awaitable[None]],
    is_main: bool = True,
) -> ui.button:
    """Return the button of an operation on a row; if it does not work now, it says why.

    One of many on a page is not a main one.
    """

    async def press() -> None:
        args, run_at = filled()
        if agreement := await agreed(operation, row):
            answer = await access.perform(operation.name, row.id, args, reason=agreement.reason, run_at=run_at)
            say(f"{operation.doing.rstrip('…')}: scheduled." if run_at else operation.doing, answer.get("job_id"))
            await after()

    element = button(operation.label, press, look=_look(operation, is_main=is_main))
    why = why_not(operation, row, access.me(), at_work=at_work)
    return forbid(element, why) if why else element


def why_not(
    operation: Operation[Any, Any], row: User | PlatformConnection, actor: Actor, *, at_work: bool
) -> str | None:
    """Return why this person cannot start the operation on the row now, or None if they can."""
    if not actor.may(operation.role) and not (operation.self_service and _owner(row) == actor.id):
        return f"{operation.label} needs the role {operation.role}; you are {actor.role}."
    if at_work:
        return "A job is already active here. Wait for it, or cancel it first."
    if not operation.allowed_from(row):
        if why := operation.refusal(row):
            return why
        starts = " or ".join(sorted(operation.source))
        return f"{operation.label} starts from {starts}; it is {operation.machine.state_of(row)} now."
    return None


async def agreed(operation: Operation[Any, Any], row: User | PlatformConnection | None = None) -> Yes | None:
    """Ask the operation's question if it has one or needs a reason; return the agreement, or None to stop.

    `row`: the one of several that it is for, which the question names then.
    """
    question = question_of(operation)
    if question and isinstance(row, PlatformConnection) and row.handle:
        question = replace(question, title=f"{operation.label} {row.handle}?")
    return await confirm(question) if question else Yes(None)


def _look(operation: Operation[Any, Any], *, is_main: bool) -> str:
    is_safe = not operation.confirm and operation.during != operation.machine.failed
    return PRIMARY if is_main and is_safe else PLAIN


def _owner(row: User | PlatformConnection) -> UUID:
    return row.user_id if isinstance(row, PlatformConnection) else row.id
