"""The list of workers: live ones with their running jobs, and those that stopped or were lost within the last day."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.database.truncate import IN_LIST, truncated
from core.job_list.rows import Row, rows_by_id
from core.jobs.labels import is_alive
from core.models import BackgroundJob, JobStatus, Worker
from core.settings import settings

#: How long stopped and lost workers are listed, and how many at most.
REMEMBERED: Final = timedelta(hours=24)
GONE_SHOWN: Final = 50
#: Maximum running jobs in the list.
MOST_JOBS: Final = 1_000


class WorkerState(StrEnum):
    """The state of a worker; lost and stopped workers no longer run."""

    ALIVE = "alive"
    SILENT = "silent"
    LOST = "lost"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker and its running jobs, longest first."""

    worker: Worker
    presence: WorkerState
    jobs: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerListing:
    """Live workers, oldest first, and those gone within the last day, latest first; both at the database's `now`."""

    now: datetime
    alive: tuple[WorkerLine, ...]
    gone: tuple[WorkerLine, ...]
    #: All running jobs; the list has at most MOST_JOBS of them.
    running: int


def worker_listing(session: Session) -> WorkerListing:
    """Return the live workers and those gone recently."""
    now: datetime = session.exec(select(clock.db_now())).one()
    workers = truncated(Worker, IN_LIST)
    recent = select(workers).where(_recent(workers, now))
    rows = session.exec(recent.order_by(col(workers.started_at), col(workers.id))).all()
    running, jobs_by_worker = _running(session)
    lines = [WorkerLine(row, worker_state(row, now), jobs_by_worker.get(row.id, ())) for row in rows]
    gone = [line for line in lines if line.presence in (WorkerState.LOST, WorkerState.STOPPED)]
    gone.sort(key=lambda line: _gone_since(line.worker), reverse=True)
    alive = tuple(line for line in lines if line not in gone)
    return WorkerListing(now, alive, tuple(gone[:GONE_SHOWN]), running)


def worker_state(worker: Worker, now: datetime) -> WorkerState:
    """Return a worker's state at `now`; beyond its lease it is lost, even if no sweep has marked it yet."""
    if worker.stopped_at:
        return WorkerState.STOPPED
    if not is_alive(worker, now):
        return WorkerState.LOST
    return WorkerState.SILENT if now - worker.heartbeat_at > 2 * settings().heartbeat else WorkerState.ALIVE


def _gone_since(worker: Worker) -> datetime:
    return worker.stopped_at or worker.lost_at or worker.heartbeat_at


def _recent(workers: type[Worker], now: datetime) -> sa.ColumnElement[bool]:
    is_running = sa.and_(col(workers.stopped_at).is_(None), col(workers.lost_at).is_(None))
    return sa.or_(is_running, sa.func.coalesce(col(workers.stopped_at), col(workers.lost_at)) > now - REMEMBERED)


def _running(session: Session) -> tuple[int, Mapping[UUID, tuple[Row, ...]]]:
    """Return the number of running jobs, and the rows of the longest-running ones by worker."""
    job = BackgroundJob
    is_running = col(job.status) == JobStatus.RUNNING
    total = session.exec(select(sa.func.count()).select_from(job).where(is_running)).one()
    ids = session.exec(select(job.id).where(is_running).order_by(col(job.started_at)).limit(MOST_JOBS)).all()
    jobs_by_worker: dict[UUID, list[Row]] = defaultdict(list)
    for row in rows_by_id(session, ids):
        if row["worker_id"]:
            jobs_by_worker[UUID(row["worker_id"])].append(row)
    return total, {worker_id: tuple(rows) for worker_id, rows in jobs_by_worker.items()}
