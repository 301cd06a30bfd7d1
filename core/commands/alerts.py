"""Commands on alerts: not be told of one for a while, and be told again."""

from typing import Any

from sqlmodel import Session

from core.alerts import snoozing
from core.commands.command import Command, Invocation, target_of
from core.models import Role
from core.operation import NoForm


def _snooze(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, snoozing.SnoozeForm)
    row = snoozing.snooze(session, target_of(call), call.form, call.actor, call.reason)
    return {"id": str(call.target), "snoozed_until": row.until.isoformat()}


def _wake(session: Session, call: Invocation) -> dict[str, Any]:
    snoozing.wake(session, target_of(call), call.actor, call.reason)
    return {"id": str(call.target), "snoozed_until": None}


ALERTS = (
    Command(
        name="alert.snooze", label="Snooze", role=Role.SUPPORT, form=snoozing.SnoozeForm, act=_snooze, needs_reason=True
    ),
    Command(name="alert.wake", label="End snooze", role=Role.SUPPORT, form=NoForm, act=_wake),
)
