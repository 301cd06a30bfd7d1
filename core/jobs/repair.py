"""Repairing drift: a row in a transitional state without an active job, for example after a manual change."""

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
    """Move a user from a transitional state without a job to `failed`, from where they can retry or clean up.

    Returns the previous state. Raises NotFound, AlreadyActive, or NotAllowed when nothing has drifted.
    """
    user = lock_row(session, User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    for operation in (o for o in OPERATIONS if _is_transitional(o, user)):
        machine = operation.machine
        if active := active_job(session, operation, user_id):
            raise AlreadyActive(
                f"{active.kind} is active for this user (job {active.id}); there is nothing to repair.", active.id
            )
        was = operation.during.value
        machine.set_state(user, machine.failed)
        record(session, actor, "user.repaired", user_id=user_id, reason=reason, was=was, now=machine.failed.value)
        bus.changed(session, user_id=user_id)
        return was
    raise NotAllowed("There is nothing to repair: this user's state matches their jobs.")


def _is_transitional(operation: Operation[Any, Any], user: User) -> bool:
    machine = operation.machine
    during = operation.during
    return machine.table is User and machine.state_of(user) is during and during is not machine.failed
