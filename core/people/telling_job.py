"""The job that tells when and why a user is where they are."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.selectable import LateralFromClause
from sqlmodel import col

from core.diagnosis.situation import SETTLING, is_settled
from core.models import BackgroundJob, JobKind, JobStatus, Queue

#: Characters of a cause that are shown.
LONGEST: Final = 200
#: Jobs of a user among which the one is that tells.
NEWEST: Final = 50
#: What the name of a paused kind begins with where another reason is a queue.
OF_KIND: Final = "kind:"
_SHOWN: Final = (
    *(BackgroundJob.status, BackgroundJob.kind, BackgroundJob.queue),
    *(BackgroundJob.error_message, BackgroundJob.error_fingerprint),
)


def telling_job(user_id: ColumnElement[UUID] | Mapped[UUID]) -> LateralFromClause:
    """Select when and why a user is where they are: by their active job, or an open failure, or else their latest job.

    One that was cancelled explains nothing while there is another. Those who are there for the same reason have the
    queue of an active job in common, or its kind where that alone is paused, or the fingerprint of an open failure.
    """
    job = BackgroundJob
    newest = (
        sa.select(*(col(each) for each in (*SETTLING, *_SHOWN)))
        .where(col(job.user_id) == user_id, col(job.machine).is_not(None))
        .order_by(col(job.created_at).desc(), col(job.id).desc())
        .limit(NEWEST)
        .correlate_except(job)
        .subquery("newest")
    )
    row: Any = newest.c
    newest_first = row.created_at.desc(), row.id.desc()
    is_live = row.status.in_((JobStatus.QUEUED, JobStatus.RUNNING))
    is_open = sa.and_(row.status == JobStatus.FAILED, sa.not_(is_settled(row)))
    error = sa.func.left(sa.func.split_part(row.error_message, "\n", 1), LONGEST)
    return (
        sa.select(
            sa.func.coalesce(row.finished_at, row.created_at).label("at"),
            sa.func.coalesce(error, row.kind).label("cause"),
            sa.case((is_live, _held_by(row))).label("queue"),
            sa.case((is_open, row.error_fingerprint)).label("fingerprint"),
        )
        .order_by(is_live.desc(), is_open.desc(), row.status == JobStatus.CANCELLED, *newest_first)
        .limit(1)
        .lateral()
    )


def _held_by(row: Any) -> ColumnElement[str]:
    """Return the queue of a job, or its kind where that is paused and the queue is not."""
    kinds = sa.select(col(JobKind.kind)).where(col(JobKind.paused_at).is_not(None))
    queues = sa.select(col(Queue.name)).where(col(Queue.paused_at).is_not(None))
    return sa.case((sa.and_(row.kind.in_(kinds), row.queue.not_in(queues)), OF_KIND + row.kind), else_=row.queue)
