"""Bulk actions: freeze a set and read what is in it, start, abort, undo, repeat, and read what became of each row."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from core.actor import Actor
from core.bulk import listing
from core.bulk.control import StartForm
from core.bulk.frozen import BulkForm
from core.bulk.words import Jobs, RowsOf
from core.commands.command import REASON_LIMIT
from core.database.window import MOST, USUAL, Window
from core.models import BulkAction, BulkStatus, Role, RowOutcome
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import OptionalReason
from ui.api.lists import After, Limit

router = APIRouter(prefix="/api/bulk", tags=["bulk"])


class _WithReason(BaseModel):
    reason: str | None = Field(default=None, max_length=REASON_LIMIT)


class BulkBody(BulkForm, _WithReason):
    """A command and its set, with a reason."""


class StartBody(StartForm, _WithReason):
    """How to go through the set, with a reason."""


class BulkSet(BaseModel):
    """What a set consists of, as its jobs were when it was prepared."""

    status: dict[str, int] = Field(description="Jobs by status.")
    kind: dict[str, int] = Field(description="Jobs by kind.")
    users: int = Field(description="Users of these jobs; 0 where the set is not of jobs.")


class BulkPreview(BaseModel):
    """What a prepared bulk action would do."""

    id: UUID
    status: BulkStatus
    job_id: UUID | None
    count: int = Field(description="Rows of the set.")
    to_do: int = Field(
        description="Rows that would be done, as far as is known; above 100, its start wants this number."
    )
    by: BulkSet
    looked_at: int = Field(description="Of so many rows, the first of the set, is known whether they are skipped.")
    done_by_kind: dict[str, int] = Field(description="Of these, for a retry: jobs that would be done again, by kind.")
    skipped: dict[str, int] = Field(description="Of these: rows that would be skipped, by the reason.")


class BulkAnswer(BaseModel):
    """How a bulk action stands."""

    id: UUID
    status: BulkStatus
    job_id: UUID | None


class BulkLine(BaseModel):
    """One bulk action."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    command: str
    reason: str | None
    status: BulkStatus
    total: int
    applied: int
    skipped: int
    failed: int
    jobs: dict[str, int] = Field(
        default_factory=dict,
        description="The jobs that it has started, by status; a list counts 50,000 of the newest ones.",
    )
    per_second: int | None
    canary: int | None
    canary_percent: int
    note: str = Field(description="Why it has ended, where that needs a word.")
    job_id: UUID | None
    undoes: UUID | None
    undone_by: UUID | None = Field(default=None, description="The latest action that has undone it, or is at it.")
    repeats: UUID | None
    actor: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class BulkDetail(BulkLine):
    """One bulk action, and whether it goes on."""

    is_at_work: bool
    halted: str = Field(description="Why it does not go on, though it is not over; empty: nothing to say.")


class BulkList(BaseModel):
    """Bulk actions, newest first."""

    items: list[BulkLine]
    next: int | None


class BulkRowLine(BaseModel):
    """One row of a set."""

    model_config = ConfigDict(from_attributes=True)

    position: int
    target: UUID
    outcome: RowOutcome | None = Field(description="Null: it has not been its turn yet.")
    why: str
    job_id: UUID | None = Field(description="The job that it has started.")


class BulkRows(BaseModel):
    """Rows of a set, in its order."""

    items: list[BulkRowLine]
    next: int | None


@router.get("", name="bulk_list")
def list_bulk(
    caller: Caller,
    prepared: Annotated[bool, Query(description="Instead, those that nobody has started.")] = False,  # noqa: FBT002
    limit: Limit = USUAL,
    after: After = 0,
) -> BulkList:
    """List bulk actions that were started, newest first."""
    listed = listing.prepared_actions if prepared else listing.bulk_actions
    return read(caller, Role.SUPPORT, lambda session, _: _list(session, listed(session, limit, after)))


@router.post("", name="bulk_prepare", status_code=201)
def prepare(body: BulkBody, caller: Caller, key: Key = None) -> BulkPreview:
    """Freeze the set of a command, all jobs of a filter or rows by their ids, and say what is in it; nothing starts."""
    args = body.model_dump(mode="json", exclude={"reason"})
    return BulkPreview(**do(caller, "bulk.prepare", None, args, reason=body.reason, key=key))


@router.get("/{bulk_id}", name="bulk_read")
def get_bulk(bulk_id: UUID, caller: Caller) -> BulkDetail:
    """Return one bulk action, and the jobs that it has started by status."""
    return read(caller, Role.SUPPORT, _detail, bulk_id)


@router.get("/{bulk_id}/rows", name="bulk_rows")
def list_rows(
    bulk_id: UUID,
    caller: Caller,
    outcome: Annotated[RowsOf | None, Query(description="Only rows of which this became.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    after: After = 0,
) -> BulkRows:
    """List the rows of a set, in its order."""
    found = read(caller, Role.SUPPORT, lambda session, _: listing.bulk_rows(session, bulk_id, outcome, limit, after))
    return BulkRows(items=[BulkRowLine.model_validate(each) for each in found], next=found.next)


@router.post("/{bulk_id}/start", name="bulk_start", status_code=202)
def start(bulk_id: UUID, caller: Caller, body: StartBody = StartBody(), key: Key = None) -> BulkAnswer:  # noqa: B008
    """Start a prepared bulk action, or go on with one whose job ended too early, or with the rest of a stopped one.

    Above 100 rows that would be done, `count` is their number, `to_do`, or that of the whole set. Without `canary`, it
    keeps the one that it was prepared with; the rest of a stopped one has none.
    """
    args = body.model_dump(mode="json", exclude={"reason"}, exclude_unset=True)  # what is left out stays as prepared
    return BulkAnswer(**do(caller, "bulk.start", bulk_id, args, reason=body.reason, key=key))


@router.post("/{bulk_id}/abort", name="bulk_abort")
def abort(bulk_id: UUID, caller: Caller, body: OptionalReason = OptionalReason()) -> BulkAnswer:  # noqa: B008
    """End it before its next row, or discard what nobody has started; what is done stays."""
    return BulkAnswer(**do(caller, "bulk.abort", bulk_id, reason=body.reason))


@router.post("/{bulk_id}/undo", name="bulk_undo", status_code=201)
def undo(bulk_id: UUID, caller: Caller, body: OptionalReason = OptionalReason()) -> BulkPreview:  # noqa: B008
    """Prepare what takes back what it did; start that as any other."""
    return BulkPreview(**do(caller, "bulk.undo", bulk_id, reason=body.reason))


@router.post("/{bulk_id}/repeat", name="bulk_repeat", status_code=201)
def repeat(bulk_id: UUID, caller: Caller, body: OptionalReason = OptionalReason()) -> BulkPreview:  # noqa: B008
    """Prepare the same for the rows that failed, or whose jobs did."""
    return BulkPreview(**do(caller, "bulk.repeat", bulk_id, reason=body.reason))


def _list(session: Session, found: Window[BulkAction]) -> BulkList:
    jobs = listing.started_jobs(session, found)
    undone = listing.undone_by(session, found)
    return BulkList(items=[_line(each, jobs.get(each.id, {}), undone.get(each.id)) for each in found], next=found.next)


def _line(bulk: BulkAction, jobs: Jobs, undone: BulkAction | None) -> BulkLine:
    more = {"jobs": dict(jobs), "undone_by": undone and undone.id}
    return BulkLine.model_validate(bulk).model_copy(update=more)


def _detail(session: Session, _: Actor, bulk_id: UUID) -> BulkDetail:
    state = listing.bulk_state(session, bulk_id)
    own: dict[str, Any] = _line(state.bulk, state.jobs, state.undone).model_dump()
    return BulkDetail(**own, is_at_work=state.is_at_work, halted=state.halted)
