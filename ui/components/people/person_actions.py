"""An admin's actions on a person's access: role, sign-in link, second factor, disable, enable."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from nicegui import ui

from core.people.operator_list import Access, OperatorLine
from core.people.operators import NewOperator, RoleForm
from core.settings import settings
from ui import access
from ui.components.base.button import PLAIN, button, forbid
from ui.components.base.command_button import CommandAction, command_button, limit_to_role
from ui.components.base.confirm import Question, ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.open_form import Act, Then, open_form
from ui.components.base.shown_once import show_once
from ui.components.base.undo_toast import say_undoable

After = Callable[[], Awaitable[None]]

_LINK: Final = (
    "The link signs in once within 24 hours, without a password. Send it only to this person; it is not shown again."
)


def draw_person_actions(person: OperatorLine, after: After) -> None:
    """Draw the buttons that fit this person's access; admins cannot change their own."""
    if person.id == access.me().id:
        forbid(
            button("Change role", _nothing), "You cannot change your own role or disable yourself; ask another admin."
        )
        return
    limit_to_role(button("Change role", lambda: _open_role(person, after), look=PLAIN), "operator.role")
    if person.access is Access.DISABLED:
        command_button(_enable(person), after)
        return
    limit_to_role(
        button("Sign-in link", lambda: _make_link(person.id, person.email, after), look=PLAIN), "operator.link"
    )
    if person.has_factor:
        command_button(_reset(person), after)
    command_button(_disable(person), after)


def add_button(after: After) -> ui.button:
    """Return the button that adds an operator and then shows their sign-in link."""
    return limit_to_role(button("Add operator", lambda: _open_add(after), look="primary", icon="add"), "operator.add")


def _nothing() -> None:
    """Do nothing: the button explains why it cannot be pressed."""


def _open_add(after: After) -> None:
    def draw() -> Act:
        form, reason = ModelForm(NewOperator), ReasonField()

        async def add() -> Then:
            args = form.values()
            answer = await access.perform("operator.add", None, args, reason=reason.value)
            await after()
            return lambda: _show_link(args["email"], answer["link"])

        return add

    open_form("Add operator", "Add operator", draw)


def _open_role(person: OperatorLine, after: After) -> None:
    def draw() -> Act:
        form = ModelForm(RoleForm, given={"role": person.role.value})
        reason = ReasonField(needed=True)

        async def change() -> None:
            args = form.values()
            _, entry = await access.perform_undoable("operator.role", person.id, args, reason=reason.value)
            await after()
            left = " and was signed out" if person.sessions else ""
            void = " Their link no longer works: make another one." if person.access is Access.INVITED else ""
            say_undoable(f"{person.email} is now {args['role']}{left}.{void}", entry, after)

        return change

    open_form(f"Change the role of {person.email}", "Change role", draw)


async def _make_link(user_id: UUID, email: str, after: After) -> None:
    answer = await access.perform("operator.link", user_id)
    await after()
    await _show_link(email, answer["link"])


async def _show_link(email: str, path: str) -> None:
    base = settings().public_url or str(ui.context.client.request.base_url)
    await show_once(f"Sign-in link for {email}", _LINK, base.rstrip("/") + path)


def _reset(person: OperatorLine) -> CommandAction:
    effect = "They can sign in with a password or link alone until they set up a new one. Verify who is asking first."
    question = Question(f"Reset the second factor of {person.email}?", [effect], "Reset", takes_away=True)
    done = f"Second factor of {person.email} removed."
    return CommandAction(command="factor.reset", label="Reset factor", done=done, target=person.id, question=question)


def _disable(person: OperatorLine) -> CommandAction:
    effect = "Their pages close within a second; their sessions, links and tokens end. Their history stays."
    question = Question(f"Disable {person.email}?", [effect], "Disable", takes_away=True)
    done = f"{person.email} disabled."
    return CommandAction(command="operator.disable", label="Disable", done=done, target=person.id, question=question)


def _enable(person: OperatorLine) -> CommandAction:
    done = f"{person.email} can sign in again; earlier sessions and tokens stay ended."
    return CommandAction(command="operator.enable", label="Enable", done=done, target=person.id)
