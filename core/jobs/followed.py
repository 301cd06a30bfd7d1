"""What has come after jobs that ended badly: their retries, and newer jobs of the same user or connection."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from core.models import BackgroundJob, JobStatus


def retries(session: Session, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the newest retry of each of these jobs that has one which was not cancelled."""
    of, retry = col(BackgroundJob.retry_of), col(BackgroundJob.id)
    is_retry = one_of(of, ids), col(BackgroundJob.status) != JobStatus.CANCELLED
    return {row[0]: row[1] for row in session.execute(sa.select(of, retry).where(*is_retry).order_by(retry))}


def newer(session: Session, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return, for each of these jobs of operations that has one, the newest job of its row that was not cancelled."""
    job, later = BackgroundJob, aliased(BackgroundJob)
    # PostgreSQL takes IS NOT DISTINCT FROM to leave next to nothing, and would sort all that came later.
    has_no_connection = col(job.connection_id).is_(None), col(later.connection_id).is_(None)
    is_of_row = (
        col(later.user_id) == col(job.user_id),
        sa.case(has_no_connection, else_=col(later.connection_id) == col(job.connection_id)),
        col(later.machine) == col(job.machine),
    )
    came_later = sa.tuple_(col(later.created_at), col(later.id)) > sa.tuple_(col(job.created_at), col(job.id))
    newest = (
        sa.select(col(later.id))
        .where(*is_of_row, came_later, col(later.status) != JobStatus.CANCELLED)
        .order_by(col(later.created_at).desc(), col(later.id).desc())
        .limit(1)
        .correlate(job)
    )
    found = sa.select(col(job.id), newest.scalar_subquery()).where(
        one_of(col(job.id), ids), col(job.machine).is_not(None)
    )
    return {row[0]: row[1] for row in session.execute(found) if row[1]}


def one_of(column: Any, ids: Iterable[UUID]) -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of these ids; one parameter, however many they are."""
    is_one: sa.ColumnElement[bool] = column == sa.any_(sa.literal([*ids], sa.ARRAY(sa.Uuid())))
    return is_one
