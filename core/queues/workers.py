"""The list of workers: live ones with their running jobs, and those that stopped or were lost within the last day."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.database.truncate import IN_LIST, truncated
from core.database.window import Window, read_window
from core.diagnosis.situation import silent_after
from core.job_list.rows import Row, rows_by_id
from core.jobs.labels import is_alive
from core.models import BackgroundJob, JobStatus, Worker
from core.settings import settings

#: How long stopped and lost workers are listed, and how many at most.
REMEMBERED: Final = timedelta(hours=24)
GONE_SHOWN: Final = 50
ALIVE_SHOWN: Final = 100
#: Maximum running jobs in the list.
MOST_JOBS: Final = 1_000


class WorkerState(StrEnum):
    """The state of a worker; lost and stopped workers no longer run."""

    ALIVE = "alive"
    SILENT = "silent"
    LOST = "lost"
    STOPPED = "stopped"
    #: It goes on with its running jobs and starts no more.
    QUIET = "quiet"
    #: It was asked to stop, and ends soon.
    STOPPING = "stopping"


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
    alive: Window[WorkerLine]
    gone: Window[WorkerLine]
    #: All running jobs; the list has at most MOST_JOBS of them.
    running: int


def worker_listing(session: Session, alive_from: int = 0, gone_from: int = 0) -> WorkerListing:
    """Return the live workers and those gone recently, from places in both lists."""
    now: datetime = session.exec(select(clock.db_now())).one()
    running, jobs_by_worker = _running(session)

    def line(row: Worker) -> WorkerLine:
        return WorkerLine(row, worker_state(row, now), jobs_by_worker.get(row.id, ()))

    alive = _workers(session, _is_alive(now), ALIVE_SHOWN, alive_from, newest_first=False)
    gone = _workers(session, _is_gone(now), GONE_SHOWN, gone_from, newest_first=True)
    return WorkerListing(now, alive.map(line), gone.map(line), running)


def newest_workers(session: Session, limit: int, start: int = 0, *, since: datetime | None = None) -> Window[Worker]:
    """Return the workers that are stored, or those with a heartbeat `since` then, the latest heartbeat first."""
    lines = truncated(Worker, IN_LIST)
    query = select(lines).order_by(col(lines.heartbeat_at).desc(), col(lines.id))
    return read_window(session, query.where(col(lines.heartbeat_at) > since) if since else query, limit, start)


def worker_state(worker: Worker, now: datetime) -> WorkerState:
    """Return a worker's state at `now`; beyond its lease it is lost, even if no sweep has marked it yet."""
    if worker.stopped_at:
        return WorkerState.STOPPED
    if not is_alive(worker, now):
        return WorkerState.LOST
    if now - worker.heartbeat_at > silent_after():
        return WorkerState.SILENT
    if worker.stop_at:
        return WorkerState.STOPPING
    return WorkerState.QUIET if worker.quiet_at else WorkerState.ALIVE


def _workers(
    session: Session,
    condition: Callable[[type[Worker]], sa.ColumnElement[bool]],
    limit: int,
    start: int,
    *,
    newest_first: bool,
) -> Window[Worker]:
    rows = truncated(Worker, IN_LIST)
    gone_at = sa.func.coalesce(col(rows.stopped_at), col(rows.lost_at), col(rows.heartbeat_at))
    order = (gone_at.desc(), col(rows.id)) if newest_first else (col(rows.started_at), col(rows.id))
    return read_window(session, select(rows).where(condition(rows)).order_by(*order), limit, start)


def _is_alive(now: datetime) -> Callable[[type[Worker]], sa.ColumnElement[bool]]:
    return lambda rows: sa.and_(_is_open(rows), col(rows.heartbeat_at) > now - settings().lease)


def _is_gone(now: datetime) -> Callable[[type[Worker]], sa.ColumnElement[bool]]:
    """Return the condition for workers gone within the last day, or beyond their lease and not marked yet."""
    return lambda rows: sa.or_(
        sa.func.coalesce(col(rows.stopped_at), col(rows.lost_at)) > now - REMEMBERED,
        sa.and_(_is_open(rows), col(rows.heartbeat_at) <= now - settings().lease),
    )


def _is_open(rows: type[Worker]) -> sa.ColumnElement[bool]:
    return sa.and_(col(rows.stopped_at).is_(None), col(rows.lost_at).is_(None))


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
