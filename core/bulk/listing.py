"""Bulk actions as people see them: the list, how far one is, what became of its rows and of the jobs it started."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.bulk.control import INVERSES, RETRIES, is_at_work
from core.database.window import Window, cut, read_window
from core.errors import NotFound
from core.jobs.cancel import ENDED
from core.jobs.error_words import headline
from core.jobs.followed import one_of
from core.jobs.retry import refusals_of_retry
from core.models import TERMINAL, BackgroundJob, BulkAction, BulkRow, BulkStatus, JobStatus, RowOutcome
from core.models.bulk import NEVER_STARTED

_NEVER_STARTED: Final[sa.ColumnElement[bool]] = sa.literal_column(NEVER_STARTED, sa.Boolean())
#: Rows of which a preview says what would be skipped.
LOOKED_AT: Final = 1_000
#: What puts a job that waits to another time, and its word.
_MOVES: Final = {"job.start_now": "started now", "job.reschedule": "rescheduled"}
_BY_STATUS: Final = ("job.cancel", *_MOVES)
#: Kinds and users that a preview names.
NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class BulkState:
    """One bulk action, whether its job is at work, and how its jobs stand by status."""

    bulk: BulkAction
    is_at_work: bool
    jobs: Mapping[str, int]
    #: Why it does not go on, though it is not over; empty: nothing to say.
    halted: str

    @property
    def can_start(self) -> bool:
        """Whether it can be started, or gone on with because its job has ended before its last row."""
        return self.bulk.status in (BulkStatus.READY, BulkStatus.RUNNING) and not self.is_at_work

    @property
    def can_undo(self) -> bool:
        """Whether what it did can be taken back; a job that it has started, only until that has ended."""
        return self.is_over and self.bulk.command in INVERSES and self.bulk.applied > 0 and not self.is_too_late

    @property
    def is_too_late(self) -> bool:
        """Whether it could be taken back until the jobs that it has started ended."""
        return self.is_over and self.bulk.command == "job.retry" and self.bulk.applied > 0 and not self.still_moving

    @property
    def still_moving(self) -> int:
        """How many of the jobs that it has started wait or run."""
        return sum(number for status, number in self.jobs.items() if status not in TERMINAL)

    @property
    def is_over(self) -> bool:
        """Whether no more of its rows will be touched."""
        return self.bulk.status not in (BulkStatus.READY, BulkStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a set consisted of when it was frozen, and the reasons why first rows would be skipped, with their numbers.

    `done_by_kind`: what a retry would do again, of the first rows; it may be other kinds than the set mostly has.
    """

    by_status: Mapping[str, int]
    by_kind: Mapping[str, int]
    users: int
    looked_at: int
    done_by_kind: Mapping[str, int]
    skipped: Mapping[str, int]
    #: Whether all of it was looked at, and nothing would be done.
    is_in_vain: bool


def bulk_actions(session: Session, limit: int, start: int = 0) -> Window[BulkAction]:
    """Return the bulk actions that somebody has started, newest first."""
    return read_window(session, _newest(sa.not_(_NEVER_STARTED)), limit, start)


def prepared_actions(session: Session, limit: int, start: int = 0) -> Window[BulkAction]:
    """Return the bulk actions that wait to be started, newest first."""
    return read_window(session, _newest(col(BulkAction.status) == BulkStatus.READY), limit, start)


def _newest(which: sa.ColumnElement[bool]) -> Any:
    return select(BulkAction).where(which).order_by(col(BulkAction.created_at).desc(), col(BulkAction.id).desc())


def bulk_state(session: Session, bulk_id: UUID) -> BulkState:
    """Return one bulk action as it stands. Raises NotFound."""
    bulk = session.get(BulkAction, bulk_id, populate_existing=True)
    if bulk is None:
        raise NotFound(f"There is no bulk action with id {bulk_id}.")
    status = col(BackgroundJob.status)
    started = sa.select(status, sa.func.count()).join(BulkRow, col(BulkRow.job_id) == col(BackgroundJob.id))
    jobs = session.execute(started.where(col(BulkRow.bulk_id) == bulk_id).group_by(status))
    at_work, why = is_at_work(session, bulk), halts(session, [bulk]).get(bulk.id, "")
    return BulkState(bulk, at_work, {str(row[0]): row[1] for row in jobs}, why)


def halts(session: Session, bulks: Iterable[BulkAction]) -> dict[UUID, str]:
    """Return why those of them that run do not go on: their job has ended before the last row, or waits to begin."""
    of_jobs = {bulk.job_id: bulk.id for bulk in bulks if bulk.status is BulkStatus.RUNNING and bulk.job_id}
    jobs = session.exec(select(BackgroundJob).where(col(BackgroundJob.id).in_(of_jobs))).all() if of_jobs else []
    return {of_jobs[job.id]: why for job in jobs if (why := _halt(job))}


def _halt(job: BackgroundJob) -> str:
    if job.status is JobStatus.CANCELLED:
        return "Its job was cancelled: go on, or abort."
    if job.status in TERMINAL:
        error = headline(job.error_message) if job.error_message else ""
        return f"Its job has ended before the last one{': ' if error else '.'}{error} Go on, or abort."
    return "Its job waits to be run." if job.status is JobStatus.QUEUED and job.run_at <= clock.now() else ""


def bulk_rows(
    session: Session, bulk_id: UUID, outcome: RowOutcome | None, limit: int, start: int = 0
) -> Window[BulkRow]:
    """Return rows of a set in its order, only those with this outcome if it is given. Raises NotFound."""
    if session.get(BulkAction, bulk_id) is None:
        raise NotFound(f"There is no bulk action with id {bulk_id}.")
    rows = select(BulkRow).where(col(BulkRow.bulk_id) == bulk_id)
    rows = rows if outcome is None else rows.where(col(BulkRow.outcome) == outcome)
    found = session.exec(rows.order_by(col(BulkRow.position)).limit(limit + 1).offset(start)).all()
    return cut(found, limit, start)


def preview(session: Session, bulk: BulkAction) -> Preview:
    """Return what the set consisted of when it was frozen, and what of its first rows would be skipped now."""
    first = sa.select(col(BulkRow.target)).where(col(BulkRow.bulk_id) == bulk.id).order_by(col(BulkRow.position))
    ids = list(session.scalars(first.limit(LOOKED_AT)))
    changes = bulk.args.get("args", {}) if bulk.command == "job.edit_and_retry" else {}
    skipped = refusals_of_retry(session, ids, changes) if bulk.command in RETRIES else {}
    by_status, by_kind = (_most_first(bulk.consists_of.get(each, {})) for each in ("status", "kind"))
    by_reason = {_refusal(bulk.command, status): number for status, number in by_status.items()}
    is_whole = bulk.command in RETRIES and len(ids) == bulk.total
    return Preview(
        is_in_vain=is_whole and len(skipped) == len(ids),
        by_status=by_status,
        by_kind=by_kind,
        users=bulk.consists_of.get("users", 0),
        looked_at=len(ids) if bulk.command in RETRIES else bulk.total if bulk.command in _BY_STATUS else 0,
        done_by_kind=_kinds(session, [each for each in ids if each not in skipped]) if bulk.command in RETRIES else {},
        skipped=_numbers(skipped) or {why: number for why, number in by_reason.items() if why},
    )


def _kinds(session: Session, ids: Sequence[UUID]) -> dict[str, int]:
    kind, number = col(BackgroundJob.kind), sa.func.count()
    those = one_of(col(BackgroundJob.id), ids)
    return {
        row[0]: row[1]
        for row in session.execute(sa.select(kind, number).where(those).group_by(kind).order_by(number.desc()))
    }


def _refusal(command: str, status: str) -> str:
    """Return why a command does nothing to a job in this status, if that alone decides; empty: it may."""
    if command == "job.cancel" and status in TERMINAL:
        return f"The job has already {ENDED[JobStatus(status)]}; it cannot be cancelled."
    if command in _MOVES and status != JobStatus.QUEUED:
        return f"Only a job that waits can be {_MOVES[command]}; this one is {status}."
    return ""


def _numbers(reasons: Mapping[UUID, str]) -> dict[str, int]:
    """Return each reason with its number; a job's id in it, which differs from row to row, is left out."""
    numbers: dict[str, int] = {}
    for reason in reasons.values():
        name = reason.partition(" (job ")[0]
        numbers[name] = numbers.get(name, 0) + 1
    return dict([*_most_first(numbers).items()][:NAMED])


def _most_first(numbers: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(numbers.items(), key=lambda each: -each[1]))
