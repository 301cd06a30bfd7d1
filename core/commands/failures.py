"""Commands on errors: ignore, resolve and reopen one, take care of it, note something, and tell the users hit.

Reopening is the inverse of the other two.
"""

from typing import Any

from sqlmodel import Session

from core.commands.command import Command, Invocation
from core.failures import handling, telling
from core.messages.email_channel import EMAIL
from core.messages.listing import why_waiting
from core.models import Role


def _ignore(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, handling.IgnoreForm)
    return _state(call.form, handling.ignore(session, call.form, call.actor, call.reason))


def _resolve(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, handling.ResolveForm)
    return _state(call.form, handling.resolve(session, call.form, call.actor, call.reason))


def _reopen(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, handling.FailureForm)
    return _state(call.form, handling.reopen(session, call.form, call.actor, call.reason))


def _assign(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, handling.AssignForm)
    owner = handling.assign(session, call.form, call.actor, call.reason)
    return {"fingerprint": call.form.fingerprint, "owner": owner}


def _note(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, handling.NoteForm)
    return {
        "fingerprint": call.form.fingerprint,
        "note": str(handling.note(session, call.form, call.actor, call.reason)),
    }


def _tell(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, telling.TellForm)
    found = telling.tell(session, call.form, call.actor, call.reason)
    why = why_waiting(session, EMAIL.name)
    return {
        "fingerprint": call.form.fingerprint,
        **{outcome.value: sum(each.outcome is outcome for each in found) for outcome in telling.TellOutcome},
        "users": [{"id": str(each.user_id), "email": each.email, "outcome": each.outcome.value} for each in found],
        **({"why": why} if why else {}),
    }


def _state(form: handling.FailureForm, state: str) -> dict[str, Any]:
    return {"fingerprint": form.fingerprint, "state": str(state)}


FAILURES = (
    # It hides an error from everyone, as a snooze does.
    Command(
        name="failure.ignore",
        label="Ignore",
        role=Role.SUPPORT,
        form=handling.IgnoreForm,
        act=_ignore,
        needs_reason=True,
    ),
    Command(name="failure.resolve", label="Resolve", role=Role.SUPPORT, form=handling.ResolveForm, act=_resolve),
    Command(name="failure.reopen", label="Reopen", role=Role.SUPPORT, form=handling.FailureForm, act=_reopen),
    Command(name="failure.assign", label="Assign", role=Role.SUPPORT, form=handling.AssignForm, act=_assign),
    Command(name="failure.note", label="Add note", role=Role.SUPPORT, form=handling.NoteForm, act=_note),
    Command(name="failure.tell", label="Tell the users hit", role=Role.SUPPORT, form=telling.TellForm, act=_tell),
)
