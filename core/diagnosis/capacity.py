"""The workers that serve a queue: how many, with how many threads, and who has made them quiet."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.database.statements import Query, fetch
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.situation import silent_after
from core.models import BackgroundJob, JobStatus, Worker
from core.settings import settings


@dataclass(frozen=True, slots=True)
class Capacity:
    """The workers that serve a job's queue."""

    #: With a heartbeat in time, and their threads.
    workers: int
    threads: int
    #: Until when a worker for this queue was there, as its heartbeats tell; None: the queue never had one.
    last_seen: datetime | None
    #: Threads of the live ones that run a job, of any queue.
    busy: int = 0
    #: Late with their heartbeat, but not for a lease yet: they may be dead.
    silent: int = 0
    #: The quiet worker that has been so for the shortest time, where no other one serves the queue.
    quiet: Worker | None = None

    @property
    def is_serving(self) -> bool:
        """Whether there is a worker that is not presumed dead."""
        return self.workers + self.silent > 0


def load_capacity(session: Session, queue: str) -> tuple[datetime, Capacity]:
    """Return the database's time and the workers that serve a queue then."""
    spans = {"lease": settings().lease, "silent": silent_after()}
    now, *numbers = fetch(session, _capacity(), queues=[queue], **spans)[0]
    capacity = Capacity(*numbers)
    return now, capacity if capacity.is_serving else replace(capacity, quiet=_quiet_worker(session, queue))


@cache
def _capacity() -> Query:
    """Return the statement for the database's time and the values of a Capacity."""
    lease, silent = (sa.bindparam(name, type_=sa.Interval()) for name in ("lease", "silent"))
    serves = col(Worker.queues).contains(sa.bindparam("queues", type_=sa.ARRAY(sa.Text())))
    is_open = sa.and_(col(Worker.stopped_at).is_(None), col(Worker.lost_at).is_(None), serves)
    is_heard = sa.and_(is_open, col(Worker.heartbeat_at) >= clock.db_now() - silent)
    is_silent = sa.and_(
        col(Worker.heartbeat_at) < clock.db_now() - silent, col(Worker.heartbeat_at) > clock.db_now() - lease
    )
    jobs = BackgroundJob
    heard = sa.select(col(Worker.id)).where(is_heard)
    running = sa.and_(col(jobs.status) == JobStatus.RUNNING, col(jobs.worker_id).in_(heard))
    busy = sa.select(sa.func.count()).select_from(jobs).where(running).scalar_subquery()
    # As core/jobs/abandon.py has it: a worker was there until then.
    until = sa.func.least(col(Worker.heartbeat_at), col(Worker.lost_at), col(Worker.stopped_at))
    own = sa.bindparam("queues", type_=sa.ARRAY(sa.Text()))
    served = sa.or_(serves, col(Worker.quiet_queues).contains(own))
    last_seen = sa.select(sa.func.max(until)).where(served).scalar_subquery()
    workers, threads = sa.func.count().filter(is_heard), sa.func.sum(col(Worker.threads)).filter(is_heard)
    counts = (workers, sa.func.coalesce(threads, 0), last_seen, busy, sa.func.count().filter(is_silent))
    return sa.select(clock.db_now(), *counts).select_from(Worker).where(is_open)


def _quiet_worker(session: Session, queue: str) -> Worker | None:
    newest = (
        select(Worker.id)
        .where(
            col(Worker.stopped_at).is_(None),
            col(Worker.lost_at).is_(None),
            col(Worker.heartbeat_at) > clock.db_now() - settings().lease,
            sa.literal(queue, sa.Text()) == sa.any_(col(Worker.quiet_queues)),
        )
        .order_by(col(Worker.quiet_at).desc())
        .limit(1)
    )
    lines = truncated(Worker, IN_LIST)
    return session.exec(select(lines).where(col(lines.id) == newest.scalar_subquery())).first()
