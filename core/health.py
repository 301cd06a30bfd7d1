"""The health summary in the status bar, read from indexes of live workers and unfinished jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

from core.diagnosis.incidents import Incident, incidents
from core.diagnosis.situation import Situation, silent_after
from core.people.users import users_by_situation
from core.settings import settings

_COUNTS = text("""
    SELECT
        w.alive, w.silent,
        (SELECT count(*) FROM background_jobs WHERE status = 'running') AS running,
        (SELECT count(*) FROM background_jobs WHERE status = 'queued' AND run_at <= statement_timestamp()) AS waiting,
        (SELECT extract(epoch FROM statement_timestamp() - min(run_at)) FROM background_jobs
            WHERE status = 'queued' AND run_at <= statement_timestamp() AND isfinite(run_at)) AS oldest,
        (SELECT count(*) FROM queues WHERE paused_at IS NOT NULL) AS queues_paused,
        (SELECT count(*) FROM job_kinds WHERE paused_at IS NOT NULL) AS kinds_paused,
        statement_timestamp() AS at
    FROM (SELECT count(*) FILTER (WHERE heartbeat_at >= statement_timestamp() - :late) AS alive,
                 count(*) FILTER (WHERE heartbeat_at < statement_timestamp() - :late) AS silent
          FROM workers WHERE stopped_at IS NULL AND lost_at IS NULL
              AND heartbeat_at > statement_timestamp() - :lease) w
""")


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """Counts at one moment; `oldest_wait_seconds` covers due jobs and is None if none waits."""

    workers_alive: int
    #: Late with their heartbeat, but not for a lease yet: they may be dead.
    workers_silent: int
    running: int
    queue_depth: int
    oldest_wait_seconds: float | None
    #: Paused queues and kinds, whether anything waits for them or not.
    queues_paused: int
    kinds_paused: int
    #: How many users are in each situation of core.people.users.LISTED.
    users: Mapping[Situation, int] = field(hash=False)
    #: What holds up many at once.
    incidents: tuple[Incident, ...]
    at: datetime


def health_summary(session: Session) -> HealthSummary:
    """Return the current counts, in a few milliseconds at any size of the history."""
    row = session.connection().execute(_COUNTS, {"lease": settings().lease, "late": silent_after()}).one()
    oldest = float(row.oldest) if row.oldest is not None else None
    users, held_up = users_by_situation(session), incidents(session, row.at)
    work, paused = (row.running, row.waiting, oldest), (row.queues_paused, row.kinds_paused)
    return HealthSummary(row.alive, row.silent, *work, *paused, users, held_up, row.at)
