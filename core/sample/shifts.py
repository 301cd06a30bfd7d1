"""Which worker process did a job: three hosts, a new life at each deployment."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection

from core.models import Worker
from core.models.columns import new_id
from core.sample.rhythm import DAYS

#: Days between two deployments.
LIFE: Final = 5
HOSTS: Final = ("worker-a", "worker-b", "worker-c")


class Shifts:
    """Worker rows over the time of the story, all of them stopped by now."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._first = (now - timedelta(days=DAYS + 1)).timestamp()
        lives = (DAYS + 1) // LIFE + 1
        self._ids = [[new_id() for _ in HOSTS] for _ in range(lives)]
        rows = [
            {
                "id": worker_id,
                "host": host,
                "pid": 400 + 37 * life + place,
                "threads": 8,
                "queues": ["demo", "default"],
                "started_at": _at(self._first, life),
                "heartbeat_at": min(_at(self._first, life + 1), now),
                "stopped_at": min(_at(self._first, life + 1), now),
            }
            for life, ids in enumerate(self._ids)
            for place, (host, worker_id) in enumerate(zip(HOSTS, ids, strict=True))
        ]
        connection.execute(sa.insert(Worker), rows)

    def worker_at(self, moment: float, job_id: UUID) -> UUID:
        """Return the worker that had a job at a moment, in seconds since the epoch."""
        life = self._ids[int((moment - self._first) / 86_400 / LIFE)]
        return life[job_id.int % len(HOSTS)]


def _at(first: float, life: int) -> datetime:
    return datetime.fromtimestamp(first, tz=UTC) + timedelta(days=LIFE * life)
