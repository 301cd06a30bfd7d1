"""A flooded queue and a quiet one: whatever waits in the first, jobs of the second should have their turns."""

import threading
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core.database.engine import session_scope
from core.jobs.request import request_tasks
from core.jobs.request_tasks import AT_ONCE
from core.operation import NoForm, Task
from tests.factories import SUPPORT
from tests.faults import kinds
from tests.faults.cluster import Cluster

#: Jobs in one request, and seconds between two looks whether enough of them wait.
CHUNK = 500
PAUSE = 0.5

_WAITING = text("SELECT count(*) FROM background_jobs WHERE status = 'queued' AND queue = :queue")


class Flood(threading.Thread):
    """Keeps `backlog` jobs waiting in a queue, and requests single ones in another; their ids go into the ledger."""

    def __init__(self, cluster: Cluster, backlog: int) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._backlog = backlog
        self._enough = threading.Event()
        self.acknowledged: list[UUID] = []

    def run(self) -> None:
        """Request jobs whenever too few are waiting, and a single one; an unreachable database is part of the day."""
        while not self._enough.wait(PAUSE):
            try:
                self._fill()
                self._request(kinds.seldom, 1)
            except SQLAlchemyError:
                continue

    def stop(self) -> None:
        """Stop."""
        self._enough.set()
        self.join(60)

    def _fill(self) -> None:
        with Session(self._cluster.engine) as session:
            waiting = session.connection().execute(_WAITING, {"queue": kinds.FLOODED}).scalar_one()
        for _ in range((self._backlog - waiting) // CHUNK):
            self._request(kinds.rest, CHUNK)

    def _request(self, task: Task[NoForm], number: int) -> None:
        with session_scope(self._cluster.engine) as session:
            crowd = request_tasks(session, task, [NoForm()] * number, SUPPORT, AT_ONCE)
        self.acknowledged += [job.id for job in crowd]
