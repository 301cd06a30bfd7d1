"""Bulk actions as people see them: the list, how far one is, what became of its rows and of the jobs it started."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.bulk.acts import INVERSES, starts_jobs
from core.bulk.control import is_at_work, is_startable
from core.bulk.words import NO_JOBS, Jobs, RowsOf, moving
from core.database.window import Window, cut, read_window
from core.errors import NotFound
from core.jobs.error_words import headline
from core.models import TERMINAL, BackgroundJob, BulkAction, BulkRow, BulkStatus, JobStatus, RowOutcome
from core.models.bulk import NEVER_STARTED

#: Jobs that a list of bulk actions counts at most: each is looked up, about 3 µs.
MOST_COUNTED: Final = 50_000
_NEVER_STARTED: Final[sa.ColumnElement[bool]] = sa.literal_column(NEVER_STARTED, sa.Boolean())


@dataclass(frozen=True, slots=True)
class BulkState:
    """One bulk action, whether its job is at work, and how its jobs stand by status."""

    bulk: BulkAction
    is_at_work: bool
    jobs: Jobs
    #: Why it does not go on, though it is not over; empty: nothing to say.
    halted: str
    #: The latest action that has undone it, or does.
    undone: BulkAction | None = None

    @property
    def can_start(self) -> bool:
        """Whether it can be started, or gone on with."""
        return is_startable(self.bulk) and not self.is_at_work

    @property
    def can_undo(self) -> bool:
        """Whether what it did can be taken back; a job that it has started, only until that has ended."""
        is_done = self.is_over and self.bulk.command in INVERSES and self.bulk.applied > 0
        return is_done and not self.is_too_late and not self.is_undone

    @property
    def is_undone(self) -> bool:
        """Whether an undo has taken back all that it did, or is at it."""
        undo = self.undone
        return undo is not None and (undo.status is BulkStatus.RUNNING or undo.applied >= self.bulk.applied)

    @property
    def is_too_late(self) -> bool:
        """Whether it could be taken back until the jobs that it has started ended."""
        is_done = self.is_over and self.bulk.command == "job.retry" and self.bulk.applied > 0
        return is_done and not self.still_moving and not self.is_undone

    @property
    def still_moving(self) -> int:
        """How many of the jobs that it has started wait or run."""
        return moving(self.jobs)

    @property
    def is_over(self) -> bool:
        """Whether no more of its rows will be touched."""
        return self.bulk.status not in (BulkStatus.READY, BulkStatus.RUNNING)


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
    at_work, why = is_at_work(session, bulk), halts(session, [bulk]).get(bulk.id, "")
    undone = undone_by(session, [bulk]).get(bulk.id)
    return BulkState(bulk, at_work, _started_by(session, [bulk.id]).get(bulk.id, NO_JOBS), why, undone)


def undone_by(session: Session, bulks: Iterable[BulkAction]) -> dict[UUID, BulkAction]:
    """Return the latest actions that have undone something of these, or are at it, by the ids of these."""
    of = {bulk.id: bulk.created_at for bulk in bulks if bulk.command in INVERSES and bulk.applied}
    if not of:
        return {}
    has_begun = sa.or_(col(BulkAction.applied) > 0, col(BulkAction.status) == BulkStatus.RUNNING)
    undoes, at = col(BulkAction.undoes), col(BulkAction.created_at)  # along the index of the newest ones
    undos = session.exec(select(BulkAction).where(at >= min(of.values()), undoes.in_(of), has_begun).order_by(at))
    return {undo.undoes: undo for undo in undos if undo.undoes}


def started_jobs(session: Session, bulks: Iterable[BulkAction]) -> Mapping[UUID, Jobs]:
    """Return the jobs that bulk actions have started, by status; of the first ones that have few enough together."""
    ids, number = [], 0
    for bulk in bulks:
        if starts_jobs(bulk.command) and bulk.applied and number + bulk.applied <= MOST_COUNTED:
            ids.append(bulk.id)
            number += bulk.applied
    return _started_by(session, ids) if ids else {}


def _started_by(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, Jobs]:
    bulk_id, status, job_id = col(BulkRow.bulk_id), col(BackgroundJob.status), col(BulkRow.job_id)
    rows = sa.select(bulk_id, status, sa.func.count()).join(BackgroundJob, job_id == col(BackgroundJob.id))
    jobs: dict[UUID, dict[str, int]] = {}
    for row in session.execute(rows.where(bulk_id.in_(ids), job_id.is_not(None)).group_by(bulk_id, status)):
        jobs.setdefault(row[0], {})[str(row[1])] = row[2]
    return jobs


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


def bulk_rows(session: Session, bulk_id: UUID, which: RowsOf | None, limit: int, start: int = 0) -> Window[BulkRow]:
    """Return rows of a set in its order, only these of them if that is given. Raises NotFound."""
    bulk = session.get(BulkAction, bulk_id)
    if bulk is None:
        raise NotFound(f"There is no bulk action with id {bulk_id}.")
    rows = select(BulkRow).where(col(BulkRow.bulk_id) == bulk_id)
    if which is RowsOf.NOT_TRIED:
        rows = rows.where(col(BulkRow.position) > bulk.looked_at)
    elif which is not None:
        rows = rows.where(col(BulkRow.outcome) == RowOutcome(which))
    found = session.exec(rows.order_by(col(BulkRow.position)).limit(limit + 1).offset(start)).all()
    return cut(found, limit, start)
