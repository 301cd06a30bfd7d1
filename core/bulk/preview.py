"""What a prepared bulk action would do: what its set consists of, how much of it would be skipped, and why."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.bulk.acts import RETRIES
from core.database.statements import Query
from core.jobs.cancel import ENDED
from core.jobs.followed import one_of
from core.jobs.retry import refusals_of_retry
from core.models import TERMINAL, BackgroundJob, BulkAction, BulkRow, JobStatus

#: Rows of which a preview says what would be skipped: of a retry; and where the status of their jobs decides, which
#: is counted in one statement.
LOOKED_AT: Final = 1_000
COUNTED: Final = 50_000
#: What puts a job that waits to another time, and its word.
_MOVES: Final = {"job.start_now": "started now", "job.reschedule": "rescheduled"}
_BY_STATUS: Final = ("job.cancel", *_MOVES)
#: Reasons that a preview names.
NAMED: Final = 5
_MISSING: Final = "The job has been deleted."


@dataclass(frozen=True, slots=True)
class Preview:
    """What a set consisted of when it was frozen, and the reasons why first rows would be skipped, with their numbers.

    The first rows are those that have no outcome yet. `done_by_kind`: what a retry would do again of them; it may be
    other kinds than the set mostly has.
    """

    by_status: Mapping[str, int]
    by_kind: Mapping[str, int]
    users: int
    looked_at: int
    done_by_kind: Mapping[str, int]
    skipped: Mapping[str, int]
    #: How many of the rows that were looked at would be done.
    done: int
    #: How many would be done of all, as far as is known: who starts more than a few says how many.
    to_do: int

    @property
    def is_in_vain(self) -> bool:
        """Whether all of it was looked at, and nothing would be done."""
        return not self.to_do


def preview(session: Session, bulk: BulkAction) -> Preview:
    """Return what the set consisted of when it was frozen, and what of its next rows would be skipped now."""
    by_status, by_kind = (_most_first(bulk.consists_of.get(each, {})) for each in ("status", "kind"))
    done_by_kind: dict[str, int] = {}
    skipped: dict[str, int] = {}
    looked_at = 0
    if bulk.command in RETRIES:
        looked_at, done_by_kind, skipped = _of_retry(session, bulk)
    elif bulk.command in _BY_STATUS:
        looked_at, skipped = min(bulk.not_tried, COUNTED), _refused_by_status(session, bulk)
    done = looked_at - sum(skipped.values())
    return Preview(
        by_status=by_status,
        by_kind=by_kind,
        users=bulk.consists_of.get("users", 0),
        looked_at=looked_at,
        done_by_kind=done_by_kind,
        skipped=dict([*_most_first(skipped).items()][:NAMED]),
        done=done,
        to_do=done if looked_at == bulk.not_tried else bulk.not_tried,
    )


def _of_retry(session: Session, bulk: BulkAction) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return how many rows were looked at, the kinds of those that would be done again, and why others would not."""
    ids = list(session.scalars(_next_rows(bulk, LOOKED_AT)))
    job_id, kind = col(BackgroundJob.id), col(BackgroundJob.kind)
    kinds = {row[0]: row[1] for row in session.execute(sa.select(job_id, kind).where(one_of(job_id, ids)))}
    changes = bulk.args.get("args", {}) if bulk.command == "job.edit_and_retry" else {}
    refusals = {each: _MISSING for each in ids if each not in kinds} | refusals_of_retry(session, ids, changes)
    done = Counter(kind for each, kind in kinds.items() if each not in refusals)
    # A job's id in a reason differs from row to row.
    return len(ids), _most_first(done), dict(Counter(why.partition(" (job ")[0] for why in refusals.values()))


def _refused_by_status(session: Session, bulk: BulkAction) -> dict[str, int]:
    """Return why jobs would be skipped as they are now, each reason with its number, where their status decides."""
    rows, status = _next_rows(bulk, COUNTED).subquery("next_row"), col(BackgroundJob.status)
    is_its_job = col(BackgroundJob.id) == rows.c.target
    by_status = sa.select(status, sa.func.count()).outerjoin_from(rows, BackgroundJob, is_its_job).group_by(status)
    reasons = {
        _refusal(bulk.command, row[0]) if row[0] else _MISSING: row[1] for row in session.execute(by_status).all()
    }
    return {why: number for why, number in reasons.items() if why}


def _next_rows(bulk: BulkAction, limit: int) -> Query:
    """Select the targets of its first rows without an outcome, in their order."""
    is_next = sa.and_(col(BulkRow.bulk_id) == bulk.id, col(BulkRow.position) > bulk.looked_at)
    return sa.select(col(BulkRow.target)).where(is_next).order_by(col(BulkRow.position)).limit(limit)


def _refusal(command: str, status: str) -> str:
    """Return why a command does nothing to a job in this status, if that alone decides; empty: it may."""
    if command == "job.cancel" and status in TERMINAL:
        return f"The job has already {ENDED[JobStatus(status)]}; it cannot be cancelled."
    if command in _MOVES and status != JobStatus.QUEUED:
        return f"Only a job that waits can be {_MOVES[command]}; this one is {status}."
    return ""


def _most_first(numbers: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(numbers.items(), key=lambda each: -each[1]))
