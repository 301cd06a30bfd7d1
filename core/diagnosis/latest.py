"""The latest job of a user's demo mode."""

from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query
from core.database.truncate import truncated
from core.models import BackgroundJob, JobStatus
from core.operations.demo import demo_mode


def latest_job(session: Session, user_id: UUID) -> BackgroundJob | None:
    """Return the active job of a user's demo mode, or else the latest one, or None."""
    return session.execute(_latest_job(), {"user_id": user_id}).scalar()


@cache
def _latest_job() -> Query:
    jobs = truncated(BackgroundJob)
    is_live = col(jobs.status).in_((JobStatus.QUEUED, JobStatus.RUNNING))
    return (
        sa.select(jobs)
        .where(col(jobs.user_id) == sa.bindparam("user_id"), col(jobs.machine) == demo_mode.name)
        .order_by(is_live.desc(), col(jobs.created_at).desc(), col(jobs.id).desc())
        .limit(1)
    )
