"""A job's attempts: one that runs or has succeeded is in its job's row, each other has a row of its own.

So has none whose job a person has ended in the database: its row tells what is known.
"""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core.database.statements import fetch
from core.database.truncate import truncated
from core.database.window import Window, cut
from core.models import AttemptOutcome, BackgroundJob, JobAttempt, JobStatus

_COLUMNS: Final = tuple(sa.inspect(JobAttempt).local_table.columns)


def job_attempts(session: Session, job_id: UUID, limit: int, start: int = 0) -> Window[JobAttempt]:
    """Return a job's attempts, newest first."""
    attempt = truncated(JobAttempt)
    ended = sa.select(*(getattr(attempt, column.name) for column in _COLUMNS)).where(col(attempt.job_id) == job_id)
    every = sa.union_all(ended, _in_job(job_id)).subquery()
    rows = fetch(session, sa.select(every).order_by(every.c.token.desc()).limit(limit + 1).offset(start))
    return cut([JobAttempt(**row._mapping) for row in rows], limit, start)  # noqa: SLF001 - its public name


def _in_job(job_id: UUID) -> Any:
    """Select the attempt that has no row from its job; an earlier release inserted one as it began."""
    job = BackgroundJob
    # The others have the same name for both.
    outcome = sa.case(
        (col(job.status) == JobStatus.FAILED, AttemptOutcome.ERROR.value), else_=sa.cast(job.status, sa.Text)
    )
    values: dict[str, Any] = {
        "job_id": job.id,
        "token": job.token,
        "attempt": job.attempt,
        "worker_id": job.worker_id,
        "started_at": sa.func.coalesce(job.claimed_at, job.started_at),
        "finished_at": job.finished_at,
        "outcome": outcome,
    }
    columns = [sa.cast(values.get(column.name, sa.null()), column.type).label(column.name) for column in _COLUMNS]
    own = (col(JobAttempt.job_id) == job_id, col(JobAttempt.token) == col(job.token))
    return sa.select(*columns).where(
        col(job.id) == job_id,
        col(job.status) != JobStatus.QUEUED,
        col(job.token) > 0,
        ~select(JobAttempt.token).where(*own).exists(),
    )
