"""Repairing drift: a row that says "enabling" with no job at work, as when somebody changed a job by hand."""

from typing import Any
from uuid import UUID

from sqlmodel import Session

from core import bus
from core.actor import Actor
from core.audit.record import record
from core.errors import AlreadyActive, NotAllowed, NotFound
from core.jobs.request import active_job
from core.jobs.subject import lock_row
from core.models import User
from core.operation import Operation
from core.operations import OPERATIONS


def repair_user(session: Session, user_id: UUID, actor: Actor, reason: str | None = None) -> str:
    """Move a user whose state in between has no job to the machine's `failed`, from where everything works again.

    Returns the state that was left. Raises NotFound, AlreadyActive, or NotAllowed when nothing has drifted.
    """
    user = lock_row(session, User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    for operation in (o for o in OPERATIONS if _is_in_between(o, user)):
        machine = operation.machine
        if active := active_job(session, operation, user_id):
            raise AlreadyActive(f"{active.kind} is at work on this user (job {active.id}): no drift.", active.id)
        was = operation.during.value
        machine.set_state(user, machine.failed)
        record(session, actor, "user.repaired", user_id=user_id, reason=reason, was=was, now=machine.failed.value)
        bus.changed(session, user_id=user_id)
        return was
    raise NotAllowed("Nothing has drifted: this user's state agrees with their jobs.")


def _is_in_between(operation: Operation[Any, Any], user: User) -> bool:
    machine = operation.machine
    during = operation.during
    return machine.table is User and machine.state_of(user) is during and during is not machine.failed
