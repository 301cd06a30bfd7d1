"""The button that helps one user as their page does: the remedy that their diagnosis recommends at that moment."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core.commands.registry import COMMANDS
from core.diagnosis.answer import Diagnosis
from core.diagnosis.service_check import after_check
from core.diagnosis.user import diagnose_user
from core.models import User
from core.people.in_need import UserInNeed
from ui import access
from ui.components.base.asking import question_before
from ui.components.base.button import PLAIN, button
from ui.components.base.command_button import CommandAction, limit_to_role, perform_action
from ui.components.base.confirm import Question
from ui.service_checks import service_checks


def help_button(user: UserInNeed, after: Callable[[], Awaitable[Any]]) -> None:
    """Draw the button; it says what is wrong and what it would do, and asks, before it does anything."""
    element = button("Help …", lambda: _help(user, after), look=PLAIN)
    element.props["aria-label"] = f"Help … {user.email}"
    limit_to_role(element, "job.retry")


async def _help(user: UserInNeed, after: Callable[[], Awaitable[Any]]) -> None:
    """Ask for the recommended remedy and do it; where there is none to press here, show the user's page."""
    found = await access.load(_diagnosis, user.id)
    check = await service_checks.now(found.service) if found and found.service else None
    remedy = after_check(found, check).remedy if found else None
    if found is None or remedy is None or remedy.href or remedy.command not in COMMANDS:
        ui.navigate.to(f"/users/{user.id}")
        return
    own = await question_before(remedy.command, remedy.target, remedy.args, label=remedy.label, effect=remedy.effect)
    consequences = [found.sentence, *(own.consequences if own else [remedy.effect])]
    question = replace(own or Question("", [], remedy.label), title=f"{remedy.label} for {user.email}?")
    question = replace(question, consequences=consequences)
    action = CommandAction(
        command=remedy.command,
        label=remedy.label,
        done=f"{remedy.label} requested.",
        target=remedy.target,
        args=remedy.args,
        question=question,
    )
    await perform_action(action, after)


def _diagnosis(session: Session, user_id: UUID) -> Diagnosis | None:
    user = session.get(User, user_id)
    return diagnose_user(session, user) if user else None
