"""The latest job of a machine's row."""

from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query
from core.database.truncate import truncated
from core.models import BackgroundJob, JobStatus
from core.operations import MACHINES


def latest_job(session: Session, machine_name: str, row_id: UUID) -> BackgroundJob | None:
    """Return the active job of a row on this machine, or else the latest one, or None."""
    return session.execute(_latest_job(machine_name), {"row_id": row_id}).scalar()


def latest_not_cancelled(session: Session, machine_name: str, row_id: UUID) -> BackgroundJob | None:
    """Return the latest job of a row on this machine that was not cancelled, or None."""
    return session.execute(_latest_not_cancelled(machine_name), {"row_id": row_id}).scalar()


@cache
def _latest_job(machine_name: str) -> Query:
    jobs = truncated(BackgroundJob)
    is_live = col(jobs.status).in_((JobStatus.QUEUED, JobStatus.RUNNING))
    newest = (col(jobs.created_at).desc(), col(jobs.id).desc())
    return _of_row(machine_name).order_by(is_live.desc(), *newest).limit(1)


@cache
def _latest_not_cancelled(machine_name: str) -> Query:
    jobs = truncated(BackgroundJob)
    newest = (col(jobs.created_at).desc(), col(jobs.id).desc())
    return _of_row(machine_name).where(col(jobs.status) != JobStatus.CANCELLED).order_by(*newest).limit(1)


def _of_row(machine_name: str) -> sa.Select[tuple[BackgroundJob]]:
    jobs = truncated(BackgroundJob)
    machine = next(each for each in MACHINES if each.name == machine_name)
    is_of_row = machine.id_column(jobs) == sa.bindparam("row_id")
    return sa.select(jobs).where(is_of_row, col(jobs.machine) == machine_name)
