"""What a command is, and one request for it: the words that the table of commands is written in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlmodel import Session

from core.actor import Actor
from core.errors import Invalid
from core.models import Role


@dataclass(frozen=True, slots=True)
class Invocation:
    """One validated request, as a command's function gets it."""

    actor: Actor
    target: UUID | None
    form: BaseModel
    reason: str | None
    run_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something that a person may do: who may, with what input, and the function that does it."""

    name: str
    label: str
    role: Role
    form: type[BaseModel]
    act: Callable[[Session, Invocation], dict[str, Any]]
    #: Returns the owner of the target, if people may do this to their own; None: nobody's own.
    own: Callable[[Session, UUID], UUID | None] | None = None
    #: Nobody does it without saying why: it stops work for many, takes away what is not made again, or changes who may
    #: do what. Everything else takes a reason.
    needs_reason: bool = False
    #: A script with a token may do this; not so what would give it more rights, or a longer life, than it was given.
    by_token: bool = True


def target_of(call: Invocation) -> UUID:
    """Return what a call acts on. Raises Invalid when it does not say."""
    if call.target is None:
        raise Invalid("This needs to know what to act on.", {"target": "Give an id."})
    return call.target


def self_owned(_: Session, user_id: UUID) -> UUID | None:
    """Return the owner of what is called by a person's own id: that person."""
    return user_id
