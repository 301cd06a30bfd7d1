"""What should have come round by now: threads of workers and of this process, and schedules; and what failed then."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from core import rounds
from core.actor import ENGINE
from core.errors import GiveUp, TryAgain
from core.models.schedule import LATE
from core.operations import TASKS

#: Maximum lines of each sort.
MOST: Final = 50

_THREADS = text("""
    SELECT left(host, 300) || ':' || pid AS worker, unnest(stalled) AS thread FROM workers
    WHERE stopped_at IS NULL AND lost_at IS NULL ORDER BY 1, 2 LIMIT :most
""")
_SCHEDULES = text("""
    SELECT id, left(name, 300) AS name, paused_reason,
           CASE WHEN isfinite(next_due_at) THEN extract(epoch FROM statement_timestamp() - next_due_at) END AS seconds
    FROM schedules
    WHERE CASE WHEN paused_at IS NULL THEN next_due_at < statement_timestamp() - make_interval(secs => :late)
               ELSE paused_by = :engine END
    ORDER BY next_due_at LIMIT :most
""")
# The last run at its time that has ended, unless one by hand has succeeded since: the same job again, or "run now".
_FAILED = text("""
    SELECT s.id, left(s.name, 300) AS name, last.id AS job_id, last.error_type AS type,
           left(last.error_message, 1000) AS message
    FROM schedules s CROSS JOIN LATERAL (
        SELECT j.* FROM schedule_ticks t JOIN background_jobs j ON j.id = t.job_id
        WHERE t.schedule_id = s.id AND j.status IN ('succeeded', 'failed') ORDER BY t.due_at DESC LIMIT 1) last
    WHERE s.kind = ANY(:kinds) AND s.paused_at IS NULL AND last.status = 'failed' AND NOT EXISTS (
        SELECT FROM background_jobs j
        WHERE j.kind = last.kind AND j.queue = last.queue AND j.created_at > last.created_at
          AND j.status = 'succeeded' AND (j.schedule_id = s.id OR j.retry_of = last.id))
    ORDER BY s.name LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class StalledThread:
    """A thread that has not come round for a minute; `worker` is its process."""

    worker: str
    thread: str

    def __str__(self) -> str:
        return f"thread {self.thread} of {self.worker}"


@dataclass(frozen=True, slots=True)
class LateSchedule:
    """A schedule that is past its time, or that the program paused because it cannot fire: `problem` says why."""

    id: UUID
    name: str
    seconds: float
    problem: str | None

    def __str__(self) -> str:
        return f"schedule {self.name}: {self.problem or f'late by {self.seconds:.0f} s'}"


@dataclass(frozen=True, slots=True)
class FailedSchedule:
    """A schedule of maintenance whose last run failed, with that job and its error: what it keeps small grows."""

    id: UUID
    name: str
    job_id: UUID
    reason: str

    def __str__(self) -> str:
        return f"schedule {self.name}: its last run failed: {self.reason}"


def stalled_threads(session: Session) -> list[StalledThread]:
    """Return the stalled threads of live workers, according to their heartbeats, and of this process."""
    rows = session.connection().execute(_THREADS, {"most": MOST})
    own = [StalledThread("this process", name) for name in rounds.stalled()]
    return own + [StalledThread(row.worker, row.thread) for row in rows]


def late_schedules(session: Session) -> list[LateSchedule]:
    """Return the schedules that should have fired, the most overdue first."""
    rows = session.connection().execute(_SCHEDULES, {"most": MOST, "late": LATE, "engine": ENGINE.name})
    return [LateSchedule(row.id, row.name, max(0.0, float(row.seconds or 0)), row.paused_reason) for row in rows]


def failed_schedules(session: Session) -> list[FailedSchedule]:
    """Return the active schedules of maintenance whose last run at its time, of those that have ended, failed."""
    values = {"kinds": [task.name for task in TASKS], "most": MOST}
    rows = session.connection().execute(_FAILED, values)
    return [FailedSchedule(row.id, row.name, row.job_id, _reason(row.type, row.message)) for row in rows]


def _reason(error_type: str | None, message: str | None) -> str:
    """Return an error in one line: an error of our own says it in a sentence, another one needs its type."""
    first = (message or "").partition("\n")[0].removesuffix(".")
    return first if error_type in (GiveUp.__name__, TryAgain.__name__) else f"{error_type or 'Error'}: {first}"
