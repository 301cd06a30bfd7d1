"""What people do with a bulk action once it is prepared: start, abort, undo, and repeat what has failed."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field
from sqlmodel import Session, col

from core import clock
from core.actor import ENGINE, Actor
from core.bulk.acts import INVERSES, RETRIES, starts_jobs
from core.bulk.ending import end, note_move
from core.bulk.frozen import BulkForm, freeze
from core.bulk.preview import preview
from core.database.statements import Query, Union
from core.errors import Invalid, NotAllowed, NotFound
from core.jobs.request import JobOptions, request_task
from core.models import TERMINAL, BackgroundJob, BulkAction, BulkRow, BulkStatus, JobStatus, RowOutcome
from core.models.bulk import noun_of
from core.operation import Form
from core.operations.bulk import RunForm, run_bulk
from core.redact import HIDDEN
from core.wording import counted

#: Above so many rows that would be done, who starts says how many they are.
UNCOUNTED: Final = 100
_ARGUMENTS_GONE: Final = "Its hidden arguments were deleted at its end: prepare it anew, with them."


def check_canary(command: str, canary: int | None) -> None:
    """Raise Invalid for first rows of a command that starts no jobs."""
    if canary and not starts_jobs(command):
        message = f"{command} starts no jobs, so nothing tells how the first ones went."
        raise Invalid(message, {"canary": "Leave it empty."})


class StartForm(Form):
    """How to go through the set, and how many rows would be done, by which a person shows that they have read it."""

    per_second: int | None = Field(
        default=None, ge=1, le=10_000, title="Jobs a second", description="At most; empty: as fast as it goes."
    )
    canary: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        title="First jobs",
        description="Try so many first; the rest follows once they have succeeded. Empty: all at once.",
    )
    canary_percent: int = Field(
        default=100,
        ge=1,
        le=100,
        title="Percent that must succeed",
        description="Of the first jobs. If fewer succeed, it stops by itself.",
    )
    count: int | None = Field(
        default=None,
        ge=0,
        title="Number of jobs",
        description=f"Type how many would be done; needed above {UNCOUNTED}.",
    )


def locked(session: Session, bulk_id: UUID) -> BulkAction:
    """Return a bulk action that nobody else changes until the commit. Raises NotFound."""
    bulk = session.get(BulkAction, bulk_id, with_for_update=True, populate_existing=True)
    if bulk is None:
        raise NotFound(f"There is no bulk action with id {bulk_id}.")
    return bulk


def is_startable(bulk: BulkAction) -> bool:
    """Tell whether it can be started, or gone on with once no job of it is at work; what has stopped, for its rest."""
    is_stopped = bulk.status is BulkStatus.STOPPED and bulk.not_tried > 0
    return is_stopped or bulk.status in (BulkStatus.READY, BulkStatus.RUNNING)


def start(session: Session, bulk_id: UUID, form: StartForm, actor: Actor, reason: str | None) -> BulkAction:
    """Start a prepared bulk action, or go on with one whose job has ended before its last row, or that has stopped.

    From now on it acts under the name and the right of who starts it, whoever has prepared it. Raises NotFound,
    NotAllowed (under way or over), Invalid (another number of rows; first rows that start no jobs).
    """
    bulk = locked(session, bulk_id)
    if not is_startable(bulk) or is_at_work(session, bulk):
        raise NotAllowed(f"The bulk action is {bulk.status}; it cannot be started. {bulk.note}".rstrip())
    _check_count(bulk, form.count, preview(session, bulk).to_do)
    canary = _canary(bulk, form)
    was = bulk.status
    bulk.created_by, bulk.actor, bulk.via = actor.id, actor.name, actor.via
    bulk.status, bulk.started_at = BulkStatus.RUNNING, bulk.started_at or clock.db_now()
    bulk.reason, bulk.note, bulk.finished_at = reason or bulk.reason, "", None
    bulk.per_second, bulk.canary, bulk.canary_percent = form.per_second, canary, form.canary_percent
    go_on(session, bulk)
    note_move(session, actor, "bulk.started", bulk, was)
    return bulk


def _canary(bulk: BulkAction, form: StartForm) -> int | None:
    """Return how many rows come first: none of the rest of what its first ones have stopped. Raises Invalid."""
    if bulk.status is not BulkStatus.STOPPED:
        canary = form.canary if "canary" in form.model_fields_set else bulk.canary
        check_canary(bulk.command, canary)
        return canary
    if form.canary:
        raise Invalid("Its first jobs were tried already.", {"canary": "Leave it empty."})
    if HIDDEN in str(bulk.args):
        raise NotAllowed(_ARGUMENTS_GONE)
    return None


def _check_count(bulk: BulkAction, count: int | None, to_do: int) -> None:
    """Raise Invalid unless a person has said how many there are: to be done, without an outcome, or in the set."""
    if count in (to_do, bulk.not_tried, bulk.total) or (count is None and to_do <= UNCOUNTED):
        return
    message = f"Type the number of {noun_of(bulk.command)}s: {to_do}."
    raise Invalid(f"The bulk action is to do {counted(to_do, noun_of(bulk.command))}. {message}", {"count": message})


def go_on(session: Session, bulk: BulkAction, options: JobOptions | None = None) -> None:
    """Request the job that runs it from its first row without an outcome."""
    bulk.job_id = request_task(session, run_bulk, RunForm(bulk=bulk.id), ENGINE, options or JobOptions()).id
    session.flush()


def abort(session: Session, bulk_id: UUID, actor: Actor, reason: str | None) -> BulkAction:
    """End it before its next row, or discard it where nobody has started it; what is done stays.

    Raises NotFound, NotAllowed.
    """
    bulk = locked(session, bulk_id)
    was = bulk.status
    if was not in (BulkStatus.READY, BulkStatus.RUNNING):
        raise NotAllowed(f"The bulk action is {was} already.")
    if bulk.looked_at >= bulk.total:
        raise NotAllowed(f"Every {noun_of(bulk.command)} was looked at already; nothing is left to abort.")
    end(session, bulk, BulkStatus.ABORTED, f"{'Discarded' if bulk.started_at is None else 'Aborted'} by {actor.name}.")
    note_move(session, actor, "bulk.aborted", bulk, was, reason)
    return bulk


def undo(session: Session, bulk_id: UUID, actor: Actor, reason: str | None) -> BulkAction:
    """Prepare what takes back what it did. Raises NotFound, NotAllowed where nothing does, or can any more."""
    bulk = _over(session, bulk_id)
    if bulk.command not in INVERSES:
        raise NotAllowed(f"Nothing takes back a {bulk.command} of many.")
    command, column = INVERSES[bulk.command]
    rows = _jobs_of(bulk, getattr(BulkRow, column)).where(col(BulkRow.outcome) == RowOutcome.APPLIED)
    if bulk.command == "job.retry":  # only what has not ended can be cancelled
        rows = rows.where(col(BackgroundJob.status).not_in(TERMINAL))
    return _prepared(session, command, rows, actor, reason, undoes=bulk.id)


def repeat(session: Session, bulk_id: UUID, actor: Actor, reason: str | None) -> BulkAction:
    """Prepare the same for the rows that have failed, or whose new jobs have. Raises NotFound, NotAllowed."""
    bulk = _over(session, bulk_id)
    of_targets = _jobs_of if noun_of(bulk.command) == "job" else _rows_of
    tried = of_targets(bulk, BulkRow.target).where(col(BulkRow.outcome) == RowOutcome.FAILED)
    again = BulkRow.job_id if bulk.command in RETRIES else BulkRow.target
    failed = _rows_of(bulk, again).join(BackgroundJob, col(BackgroundJob.id) == col(BulkRow.job_id))
    if HIDDEN in str(bulk.args) and (bulk.command not in RETRIES or _is_any(session, tried)):
        raise NotAllowed(_ARGUMENTS_GONE)
    rows = sa.union(tried, failed.where(col(BackgroundJob.status) == JobStatus.FAILED))
    return _prepared(session, bulk.command, rows, actor, reason, repeats=bulk.id, args=bulk.args)


def is_at_work(session: Session, bulk: BulkAction) -> bool:
    """Tell whether it has a job that is queued or running."""
    job = session.get(BackgroundJob, bulk.job_id, populate_existing=True) if bulk.job_id else None
    return bulk.status is BulkStatus.RUNNING and job is not None and job.status not in TERMINAL


def _over(session: Session, bulk_id: UUID) -> BulkAction:
    bulk = locked(session, bulk_id)
    if bulk.status in (BulkStatus.READY, BulkStatus.RUNNING):
        raise NotAllowed(f"The bulk action is {bulk.status}; wait for its end, or abort it first.")
    return bulk


def _rows_of(bulk: BulkAction, column: Any) -> Query:
    """Select a column of the set's rows as ids."""
    return sa.select(column.label("id")).select_from(BulkRow).where(col(BulkRow.bulk_id) == bulk.id)


def _jobs_of(bulk: BulkAction, column: Any) -> Query:
    """Select the same, of the jobs that there are: others were deleted meanwhile."""
    return _rows_of(bulk, column).join(BackgroundJob, col(BackgroundJob.id) == column)


def _is_any(session: Session, rows: Query | Union) -> bool:
    return bool(session.scalar(sa.select(sa.exists(rows.subquery().select()))))


def _prepared(
    session: Session, command: str, rows: Query | Union, actor: Actor, reason: str | None, **more: Any
) -> BulkAction:
    if not _is_any(session, rows):
        raise NotAllowed("There is nothing left to do.")
    args = more.pop("args", {})
    form = BulkForm.model_construct(action=command, filter=None, ids=None, args=args)
    return freeze(session, form, actor, reason, ids=rows, **more)
