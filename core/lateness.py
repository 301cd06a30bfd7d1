"""What should have come round by now: threads of workers and of this process, and schedules."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from core import rounds
from core.actor import ENGINE

#: Seconds after which a due schedule is late: schedulers look once a second.
LATE: Final = 60
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


def stalled_threads(session: Session) -> list[StalledThread]:
    """Return the stalled threads of live workers, according to their heartbeats, and of this process."""
    rows = session.connection().execute(_THREADS, {"most": MOST})
    own = [StalledThread("this process", name) for name in rounds.stalled()]
    return own + [StalledThread(row.worker, row.thread) for row in rows]


def late_schedules(session: Session) -> list[LateSchedule]:
    """Return the schedules that should have fired, the most overdue first."""
    rows = session.connection().execute(_SCHEDULES, {"most": MOST, "late": LATE, "engine": ENGINE.name})
    return [LateSchedule(row.id, row.name, float(row.seconds or 0), row.paused_reason) for row in rows]
