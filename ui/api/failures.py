"""Failures by their cause: the groups of a time, one of them, and what people do with its error."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from core.diagnosis.again import Again
from core.diagnosis.error_state import ErrorState
from core.failures import groups
from core.failures.decision import Decision, Note
from core.failures.groups import FailureGroup, Shelf
from core.failures.handling import IgnoreTerms, NoteTerms, ResolveTerms
from core.failures.one_group import UserHit, failure_detail
from core.failures.telling import TellOutcome, TellTerms
from core.failures.told import Told
from core.models import Role
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import OptionalReason, RequiredReason
from ui.service_checks import checked_again

router = APIRouter(prefix="/api/failures", tags=["failures"])

Hours = Annotated[int, Query(ge=1, le=groups.WINDOWS[-1], description="How far to look back.")]
Fingerprint = Annotated[str, Path(max_length=200)]


class FailureGroups(BaseModel):
    """Errors of a list, those that are back first, then those with the most unhandled failures; at most a hundred."""

    items: list[FailureGroup]
    counts: dict[Shelf, int] = Field(description="How many errors of this time are in each list.")


class FailureAnswer(BaseModel):
    """One group: when, where and whom it hit, and what was decided; the page of its latest job says more."""

    model_config = ConfigDict(from_attributes=True)

    group: FailureGroup
    unhandled: int = Field(description="Unhandled failures of any time; `group` counts those of this time.")
    looked_back_to: datetime | None = Field(
        description="Older ones were not looked at, so that there may be more `unhandled`; null: that is exact."
    )
    since: datetime
    parts: list[int] = Field(description="Failures in equal parts of this time, the oldest first.")
    places: dict[str, int] = Field(description="Failures by the worker and version that ran the last attempt.")
    confined_to: str = Field(description="Where alone it fails while others succeed; empty: not in one place alone.")
    users: list[UserHit]
    open_users: int = Field(description="Users hit whose failure nobody has handled.")
    decision: Decision
    notes: list[Note]
    latest_job: UUID
    again: Again = Field(description="Why doing it again does not help; empty: nothing speaks against it.")
    told: Told | None = Field(description="Users hit who were written to within a day; null: nobody.")


class FailureDone(BaseModel):
    """An error after a command."""

    fingerprint: str
    state: ErrorState | None = None
    owner: str | None = None
    note: UUID | None = None


class IgnoreBody(IgnoreTerms, RequiredReason):
    """Until when it is ignored, the first that comes, and why; without any, until somebody reopens it."""


class ResolveBody(ResolveTerms, OptionalReason):
    """In which version it is resolved; without one, the next failure of any worker reopens it."""


class AssignBody(OptionalReason):
    """Who takes care of it: an operator; null: nobody."""

    owner: UUID | None = None


class NoteBody(NoteTerms, OptionalReason):
    """A note, which stays as it is."""


class TellBody(TellTerms, OptionalReason):
    """A message to the users hit; {name} in it stands for their name."""


class UserTold(BaseModel):
    """What became of the message to one user."""

    id: UUID
    email: str
    outcome: TellOutcome


class FailureTold(BaseModel):
    """What became of the messages."""

    fingerprint: str
    told: int
    already: int = Field(description="They were written to within a day; the outbox says what became of it.")
    unwanted: int = Field(description="They want no such messages.")
    unreachable: int = Field(description="Their address is not valid.")
    users: list[UserTold]
    why: str | None = Field(default=None, description="Why the messages do not leave in a moment; null: they do.")


@router.get("", name="failures_list")
def list_failures(caller: Caller, hours: Hours = groups.WINDOWS[0], state: Shelf = Shelf.OPEN) -> FailureGroups:
    """List the failures of the last hours, grouped by error; errors that are back are among the open ones.

    An error is ignored, resolved, open, or handled if each of its failures of this time is; `open` counts those that
    are not.
    """
    found = read(caller, Role.VIEWER, lambda session, _: groups.groups_of_hours(session, hours))
    return FailureGroups(items=found.on(state), counts=dict(found.counts))


@router.get("/{fingerprint}", name="failures_read")
def get_failure(fingerprint: Fingerprint, caller: Caller, hours: Hours = groups.WINDOWS[0]) -> FailureAnswer:
    """Return one group: when, where and whom it hit, and what was decided."""
    found = read(caller, Role.VIEWER, lambda session, _: failure_detail(session, fingerprint, hours))
    return FailureAnswer.model_validate(replace(found, again=checked_again(found.again)))


@router.post("/{fingerprint}/ignore")
def ignore_failure(fingerprint: Fingerprint, body: IgnoreBody, caller: Caller, key: Key = None) -> FailureDone:
    """Ignore an error: no alert, no red number, until what is given has come."""
    return _do(caller, "failure.ignore", fingerprint, body, key)


@router.post("/{fingerprint}/resolve")
def resolve_failure(fingerprint: Fingerprint, body: ResolveBody, caller: Caller, key: Key = None) -> FailureDone:
    """Call an error resolved; a failure from now on is a regression."""
    return _do(caller, "failure.resolve", fingerprint, body, key)


@router.post("/{fingerprint}/reopen")
def reopen_failure(
    fingerprint: Fingerprint,
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> FailureDone:
    """Take an ignore or a resolve back."""
    return _do(caller, "failure.reopen", fingerprint, body, key)


@router.post("/{fingerprint}/assign")
def assign_failure(fingerprint: Fingerprint, body: AssignBody, caller: Caller, key: Key = None) -> FailureDone:
    """Let an operator take care of an error, or nobody."""
    return _do(caller, "failure.assign", fingerprint, body, key)


@router.post("/{fingerprint}/note")
def note_failure(fingerprint: Fingerprint, body: NoteBody, caller: Caller, key: Key = None) -> FailureDone:
    """Write a note on an error."""
    return _do(caller, "failure.note", fingerprint, body, key)


@router.post("/{fingerprint}/tell", status_code=202)
def tell_users(fingerprint: Fingerprint, body: TellBody, caller: Caller, key: Key = None) -> FailureTold:
    """Write to the users hit now, once each: who was written to within a day, or wants none, gets no message."""
    args = {"fingerprint": fingerprint, **body.model_dump(mode="json", exclude={"reason"})}
    return FailureTold(**do(caller, "failure.tell", None, args, reason=body.reason, key=key))


def _do(caller: Caller, name: str, fingerprint: str, body: OptionalReason, key: str | None) -> FailureDone:
    args = {"fingerprint": fingerprint, **body.model_dump(mode="json", exclude={"reason"})}
    return FailureDone(**do(caller, name, None, args, reason=body.reason, key=key))
