"""The building blocks of the registry: a command, and one validated invocation of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlmodel import Session

from core import clock
from core.actor import Actor
from core.errors import Invalid
from core.jobs.request_tasks import Accepted
from core.models import BackgroundJob, Role
from core.wording import problems_of

#: Characters of a reason at most.
REASON_LIMIT: Final = 500
#: How far ahead a job may be planned, and how far in the past its time may lie: clocks differ.
FARTHEST: Final = timedelta(days=366)
LATEST: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One validated request, as passed to a command's function."""

    actor: Actor
    target: UUID | None
    form: BaseModel
    reason: str | None
    run_at: datetime | None
    #: Whether it is done to one of many, none of which was looked at by itself.
    of_many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing a person can do: the role it needs, its input, and its function."""

    name: str
    label: str
    role: Role
    form: type[BaseModel]
    act: Callable[[Session, Invocation], dict[str, Any]]
    #: Returns the target's owner, who needs no role for this command; None: the role is always needed.
    own: Callable[[Session, UUID], UUID | None] | None = None
    #: Whether a reason is mandatory, because the command stops work for many users, deletes something for good, changes
    #: rights, or requests many jobs at once. For all other commands it is optional.
    needs_reason: bool = False
    #: Whether a personal token may do this; False for commands that could give a script more rights or a longer life.
    by_token: bool = True
    #: Whether it may be asked for now and start later, at `run_at`.
    can_be_planned: bool = False


def form_of(command: Command, args: Mapping[str, Any]) -> BaseModel:
    """Return a command's input, read from plain values. Raises Invalid, naming each field that does not fit."""
    try:
        return command.form.model_validate(dict(args))
    except ValidationError as error:
        fields = problems_of(error)
        problems = "; ".join(f"{name}: {message}" for name, message in fields.items())
        raise Invalid(f"{command.label}: {problems.rstrip('.')}.", fields) from None


def target_of(call: Invocation) -> UUID:
    """Return the target of an invocation. Raises Invalid without one."""
    if call.target is None:
        raise Invalid("This needs a target.", {"target": "Give a user, or the id of what it is for."})
    return call.target


def check_time(at: datetime, field: str) -> None:
    """Check the time of a plan. Raises Invalid, naming the field."""
    if not clock.now() - LATEST <= at <= clock.now() + FARTHEST:
        raise Invalid("The time is out of range.", {field: "Choose a time between now and one year ahead."})


def self_owned(_: Session, user_id: UUID) -> UUID | None:
    """Return the owner of a target that is a person: that person."""
    return user_id


def job_answer(job: BackgroundJob | Accepted) -> dict[str, Any]:
    """Return what a command that has requested or changed a job answers."""
    return {"job_id": str(job.id), "kind": job.kind, "status": job.status.value, "status_url": f"/api/jobs/{job.id}"}
