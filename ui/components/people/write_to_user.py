"""Writing to a user: a dialog with the answer for them, ready to be changed, and the way to their messages."""

from collections.abc import Callable
from uuid import UUID

from nicegui import ui

from core.messages.control import AnswerForm, writer_of
from core.messages.email_channel import EMAIL
from core.messages.listing import why_waiting
from core.models import Role
from ui import access, design
from ui.components.base.box import box, link, text
from ui.components.base.button import button, say
from ui.components.base.command_button import limit_to_role
from ui.components.base.open_form import Act, open_form

_SUBJECT = "About your demo mode"


class WriteToUser:
    """The button that opens the dialog, and a link to what this user was told."""

    def __init__(self, user_id: UUID, answer: Callable[[], str]) -> None:
        """`answer` returns what the diagnosis says to the user now."""
        self._user_id = user_id
        self._answer = answer
        with box("hbox wrap"):
            limit_to_role(button("Write to user", self._open, icon="mail_outline"), "message.tell")
            if access.me().may(Role.SUPPORT):
                link(f"/outbox?user={user_id}", "muted", "Messages to this user")

    async def _open(self) -> None:
        writer_id = access.me().id
        signed = await access.load(writer_of, writer_id) if writer_id else ""
        why = await access.load_for(Role.SUPPORT, why_waiting, EMAIL.name)
        open_form("Write to user", "Send", lambda: self._draw(signed, why))

    def _draw(self, signed: str, why: str) -> Act:
        longest = {name: _longest(name) for name in ("title", "text")}
        with box("labelled"):
            text("Subject", tag="label")
            subject = ui.input(value=_SUBJECT).classes("field")
            subject.props(f'outlined dense maxlength={longest["title"]} aria-label="Subject"')
        with box("labelled"):
            text("Text", tag="label")
            body = ui.textarea(value=self._answer()).classes("field area")
            body.props(f'outlined dense rows=8 maxlength={longest["text"]} aria-label="Text"')
            help_text = f"By e-mail, signed “{signed} of support”. Replies go to the sender's address, not to you."
            text(help_text, "help")
        if why:
            with box(f"way {design.WARN}").props("role=status"):
                text(why, "words")

        async def send() -> None:
            args = {"title": subject.value or "", "text": body.value or ""}
            answer = await access.perform("message.tell", self._user_id, args)
            say(f"{answer.get('why') or 'The message leaves in a moment.'} The outbox has it.")

        return send


def _longest(name: str) -> int:
    limits = (getattr(each, "max_length", None) for each in AnswerForm.model_fields[name].metadata)
    return next(limit for limit in limits if isinstance(limit, int))
