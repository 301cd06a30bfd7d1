"""Declarations of operations and tasks, as values.

An Operation moves one row of one table through its state machine by means of a job. A Task is a job without a machine.
Everything else (routes, buttons, forms, CLI flags, permissions, tests) is derived from the declaration.
"""

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import SQLColumnExpression
from sqlmodel import Session, SQLModel

from core.models import BackgroundJob, PlatformConnection, Role, User
from core.outside import OutsideService

RowT = TypeVar("RowT", bound=User | PlatformConnection)
FormT = TypeVar("FormT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Progress:
    """A checkpoint: `done` of `total` units are in the session and may be committed."""

    done: int
    total: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class CancelOffer:
    """What ending a job early does: a button's label, Cancel only where it takes all back, and its effect."""

    label: str
    effect: str


@dataclass(frozen=True, slots=True)
class FailureEffect:
    """What a failure leaves, in a sentence that customers read, too: as it is said before it, and after it."""

    before: str
    after: str


#: All text of a form together: arguments are read with each look at a job, and each claim.
MOST_CHARACTERS = 1_000_000
_TOO_MUCH = f"more than {MOST_CHARACTERS:,} characters are too much; store them elsewhere, and name the place"
_UNSTORABLE = frozenset(map(chr, (0, *range(0xD800, 0xE000))))


#: What `run` yields, and what it returns: the job's result, shown to people.
Steps = Generator[Progress, None, dict[str, Any] | None]


def why_unstorable(value: Any) -> str | None:
    """Return why a JSON value is not stored: PostgreSQL cannot, would store another one, or it is too much."""
    rest, characters = [value], 0  # no recursion: the sender decides how deep a value nests
    while rest:
        part = rest.pop()
        if isinstance(part, str):
            characters += len(part)
            if not _UNSTORABLE.isdisjoint(part):
                return "text with a NUL or half a character cannot be stored"
            if characters > MOST_CHARACTERS:
                return _TOO_MUCH
        if isinstance(part, float) and not math.isfinite(part):
            return "Infinity and NaN are no numbers in JSON, and cannot be stored"
        if isinstance(part, Mapping):
            rest += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple):
            rest += part
    return None


class Form(BaseModel):
    """The input of an operation, task or command; unknown fields are refused."""

    # Input may be secret, and errors are written to logs and jobs' rows.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _can_be_stored(cls, given: Any) -> Any:
        if problem := why_unstorable(given):
            raise PydanticCustomError("unstorable", problem)
        return given


class NoForm(Form):
    """A form without fields."""


def _not_at_work(*_: object) -> None:
    raise RuntimeError("only a job that runs may request another one")


@dataclass(slots=True)
class Work(Generic[RowT, FormT]):
    """The input of an operation's code: a transaction, a row, a form, and the progress of earlier attempts."""

    session: Session
    subject: RowT
    form: FormT
    #: The job's id as text: seed of generators and idempotency key for other services. The same in every attempt.
    key: str
    #: Units that are already committed; the code continues there.
    done: int
    #: When the first attempt began; generated times are relative to it. The same in every attempt.
    began_at: datetime
    #: Tells, in its own transaction, whether a cancel was accepted meanwhile: to ask during a call to the outside.
    is_cancel_requested: Callable[[], bool] = lambda: False
    #: Requests the operation of this name on a row, by the program, in this transaction.
    request: Callable[[str, UUID], None] = _not_at_work


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A job of an operation that has just ended, in the transaction that ends it."""

    session: Session
    #: As it is now: its status is terminal.
    job: BackgroundJob
    #: What its failure means for its user, and what they can do; empty if it did not fail.
    failure: str


@dataclass(frozen=True, slots=True)
class Machine(Generic[RowT]):
    """One state column of one table; `failed` is its state after a job has failed."""

    table: type[RowT]
    column: str
    failed: StrEnum
    #: Its name at the beginning of a sentence.
    label: str
    #: Tells whether a row of the table is moved by operations at all.
    covers: Callable[[RowT], bool] = lambda row: True
    #: The property of a failed row, in SQL as well, that it goes on by itself; empty: none does.
    goes_on: str = ""

    @property
    def noun(self) -> str:
        """Return what one of its rows is called: user, connection."""
        return "connection" if issubclass(self.table, PlatformConnection) else "user"

    @property
    def repair(self) -> str:
        """Return the name of the command that repairs one of its rows, and with `ed` that of its event."""
        return f"{self.noun}.repair"

    @property
    def name(self) -> str:
        """Return table.column: what `background_jobs.machine` holds."""
        return f"{self.table.__tablename__}.{self.column}"

    def state_of(self, row: SQLModel) -> StrEnum:
        """Return the row's state."""
        state: StrEnum = getattr(row, self.column)
        return state

    def set_state(self, row: SQLModel, to: StrEnum) -> None:
        """Set the row's state; the caller has checked that this is allowed."""
        setattr(row, self.column, to)

    def id_in(self, user_id: UUID | None, connection_id: UUID | None) -> UUID | None:
        """Return which of a job's two ids identifies this machine's row."""
        return connection_id if issubclass(self.table, PlatformConnection) else user_id

    def id_column(self, job: Any) -> SQLColumnExpression[UUID]:
        """Return which of a job's two columns identifies this machine's row; `job`: BackgroundJob or an alias."""
        column: SQLColumnExpression[UUID] = getattr(job, f"{self.noun}_id")
        return column


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation(Generic[RowT, FormT]):
    """A change of state that a job carries out: source -> during -> target, or to the machine's `failed`."""

    name: str
    label: str
    #: Shown while it runs: "Enabling demo mode…".
    doing: str
    machine: Machine[RowT]
    source: frozenset[StrEnum]
    during: StrEnum
    target: StrEnum
    #: The state in which a cancelled operation settles once it has begun.
    cancelled_state: StrEnum
    #: Cancelled before so many units are done, it settles in the state that it came from instead.
    returns_before: int = 0
    #: Says what that means for the row, from how far the operation is (`total` is 0 before the first checkpoint).
    on_cancel: Callable[[Progress], CancelOffer]
    #: Says what a failure leaves once `undo` has run.
    on_failure: Callable[[Progress], FailureEffect]
    form: type[FormT]
    run: Callable[[Work[RowT, FormT]], Steps]
    #: Removes what `run` left; runs in the transaction that ends the job, so it may only change the database.
    undo: Callable[[Work[RowT, FormT]], None]
    role: Role
    #: Members may start it for themselves.
    self_service: bool
    #: The question to confirm first; None: no question.
    confirm: str | None
    queue: str
    priority: int = 0
    max_attempts: int = 3
    #: Starting it needs a reason.
    needs_reason: bool = False
    #: How the row's owner mends what only they can (OnlyTheOwner), said to them, and on which page; without: not.
    owners_way: str = ""
    owners_page: Callable[[RowT], str] | None = None
    #: Only the owner's consent starts it, given elsewhere: it is not offered as a button, and cannot be done again.
    needs_consent: bool = False
    #: The program outside of ours that `run` calls; None: it calls none.
    outside: OutsideService | None = None
    #: Tells people of its end, by messages that leave once that is committed; an attempt that is repeated is no end.
    on_end: Callable[[JobEnd], None] | None = None
    #: Says why a row in such a state is beyond its help; empty: it is not.
    refusal: Callable[[RowT], str] = lambda row: ""

    def allowed_from(self, row: RowT) -> bool:
        """Tell whether the operation may start from the row's state."""
        return self.machine.state_of(row) in self.source and not self.refusal(row)


@dataclass(slots=True)
class TaskWork(Generic[FormT]):
    """The input of a task's code; fields as in Work."""

    session: Session
    form: FormT
    key: str
    done: int
    began_at: datetime
    request: Callable[[str, UUID], None] = _not_at_work


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Generic[FormT]):
    """A kind of job without a state machine."""

    name: str
    label: str
    form: type[FormT]
    run: Callable[[TaskWork[FormT]], Steps]
    role: Role
    queue: str
    priority: int = 0
    max_attempts: int = 3
    #: What ends it early, or fails it, leaves.
    cancel_effect: str = "The changes of its finished steps stay."
    #: Starting it by hand needs a reason.
    needs_reason: bool = False
