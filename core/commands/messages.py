"""Commands on messages: send one again, drop one, write to a user, and choose what one is told."""

from dataclasses import asdict
from typing import Any

from sqlmodel import Session

from core.commands.command import Command, Invocation, self_owned, target_of
from core.messages import control, preferences
from core.messages.email_channel import EMAIL
from core.messages.listing import why_waiting
from core.models import Notification, Role
from core.operation import NoForm


def _resend(session: Session, call: Invocation) -> dict[str, Any]:
    message = control.resend(session, target_of(call), call.actor, call.reason)
    return {**_answer(message), **_why_waiting(session, message.channel)}


def _drop(session: Session, call: Invocation) -> dict[str, Any]:
    return _answer(control.drop(session, target_of(call), call.actor, call.reason))


def _tell(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, control.AnswerForm)
    message_id = control.tell(session, target_of(call), call.form, call.actor, call.reason)
    return {"id": str(message_id), "status": "waiting", **_why_waiting(session, EMAIL.name)}


def _set_preferences(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, preferences.PreferenceForm)
    is_new = preferences.set_preference(session, target_of(call), call.form, call.actor, call.reason)
    return {**asdict(preferences.preferences_of(session, target_of(call))), "changed": is_new}


def _why_waiting(session: Session, channel: str) -> dict[str, str]:
    """Return why a message that is due does not leave in a moment; nothing if it does."""
    why = why_waiting(session, channel)
    return {"why": why} if why else {}


def _answer(message: Notification) -> dict[str, Any]:
    return {"id": str(message.id), "status": message.status.value}


MESSAGES = (
    Command(name="message.resend", label="Resend", role=Role.SUPPORT, form=NoForm, act=_resend),
    Command(name="message.drop", label="Drop", role=Role.SUPPORT, form=NoForm, act=_drop),
    Command(name="message.tell", label="Write to user", role=Role.SUPPORT, form=control.AnswerForm, act=_tell),
    Command(
        name="message.preferences",
        label="Choose messages",
        role=Role.SUPPORT,
        form=preferences.PreferenceForm,
        act=_set_preferences,
        own=self_owned,
    ),
)
