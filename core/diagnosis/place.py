"""The place of a due job: the jobs before it in its queue, and the queues that share its threads."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from core.jobs.claim import MAY_START, STOPPED
from core.models import BackgroundJob, JobStatus
from core.operations import BY_NAME
from core.settings import settings

#: How many jobs are counted in each queue; beyond that, the sentence says "1,000 or more".
AHEAD_LIMIT = 1_000
#: How many jobs of each queue are read, those of kinds that cannot start now among them.
DEPTH = 10_000


@dataclass(frozen=True, slots=True)
class OtherQueue:
    """Another queue with due jobs that the same workers serve; numbers are counted up to AHEAD_LIMIT."""

    name: str
    waiting: int
    #: How many of them are more urgent than the job.
    urgent: int


@dataclass(frozen=True, slots=True)
class JobPlace:
    """What starts before a job, or shares its threads."""

    #: Due jobs of the same queue ahead of it.
    ahead: int = 0
    others: tuple[OtherQueue, ...] = ()
    #: Due jobs of its own kind ahead of it besides, while a limit or a pause stops the kind.
    of_kind: int = 0

    @property
    def all_ahead(self) -> int:
        """Everything of its queue that starts before it."""
        return self.ahead + self.of_kind


_PLACE = sa.text(f"""
    WITH {STOPPED}
    SELECT name, waiting, urgent, ahead, (
        SELECT count(*) FROM (
            SELECT priority, run_at, id, kind FROM background_jobs
            WHERE status = 'queued' AND queue = :queue AND run_at <= :now
            ORDER BY priority, run_at, id LIMIT :depth
        ) first
        WHERE name = :queue AND kind = :kind AND kind IN (TABLE stopped)
          AND (priority, run_at, id) < (:priority, :run_at, :id)
    ) AS of_kind
    FROM (
        SELECT unnest(queues) AS name FROM workers
        WHERE stopped_at IS NULL AND lost_at IS NULL AND queues @> ARRAY[CAST(:queue AS text)]
          AND heartbeat_at > CAST(:now AS timestamptz) - make_interval(secs => :lease)
        UNION SELECT CAST(:queue AS text)
    ) served, LATERAL (
        SELECT count(*) AS waiting, count(*) FILTER (WHERE priority < :priority) AS urgent,
               count(*) FILTER (WHERE (priority, run_at, id) < (:priority, :run_at, :id)) AS ahead
        FROM (
            SELECT priority, run_at, id FROM (
                SELECT priority, run_at, id, kind FROM background_jobs
                WHERE status = 'queued' AND queue = name AND run_at <= :now
                ORDER BY priority, run_at, id LIMIT :depth
            ) first
            WHERE {MAY_START}
            ORDER BY priority, run_at, id LIMIT :most
        ) startable
    ) due
    WHERE (waiting > 0 OR name = :queue)
      AND (name = :queue OR name <> ALL (ARRAY(SELECT q.name FROM queues q WHERE paused_at IS NOT NULL)))
    ORDER BY name
""")  # noqa: S608 - a constant of this program


def load_place(session: Session, job: BackgroundJob, now: datetime) -> JobPlace:
    """Return the place of a job that is due; of any other, nothing is before it."""
    if job.status is not JobStatus.QUEUED or job.run_at > now:
        return JobPlace()
    own = {"id": job.id, "queue": job.queue, "kind": job.kind, "priority": job.priority, "run_at": job.run_at}
    anyone = {"kinds": list(BY_NAME), "worker": None, "ids": []}
    limits = {"now": now, "lease": settings().lease_seconds, "most": AHEAD_LIMIT, "depth": DEPTH}
    rows = session.connection().execute(_PLACE, {**own, **limits, **anyone}).all()
    ahead, of_kind = next((row.ahead, min(row.of_kind, AHEAD_LIMIT)) for row in rows if row.name == job.queue)
    others = (OtherQueue(row.name, row.waiting, row.urgent) for row in rows if row.name != job.queue)
    return JobPlace(ahead, tuple(others), of_kind)
