"""Solitude: how long nothing else starts in a process that runs a suspect, a job which may kill its worker.

One that kills its worker does so soon: others wait for moments. They wait for a minute at most, and only while they
lose little by it: another worker starts the jobs of the suspect's queue, and no due job of any other queue waits.
"""

import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Engine

from core.database.statement import for_one_statement
from core.jobs import workers
from core.jobs.due import DEPTH, due_queues
from core.operations import BY_NAME

#: Seconds for which nothing starts beside a suspect, at the least and at the most.
AT_LEAST, AT_MOST = 3.0, workers.ALONE.total_seconds()
#: Seconds from one look at what waits to the next, and how long a job of another queue waits before it counts.
LOOK: Final = 1.0


class Solitude:
    """The solitude of one process; only the carrier's thread asks."""

    def __init__(self, engine: Engine, worker: Callable[[], UUID]) -> None:
        self._engine, self._worker = engine, worker
        self._look_at = self._ends_at = 0.0

    @property
    def is_on(self) -> bool:
        """Whether it may still last, by the time."""
        return time.monotonic() < self._ends_at

    def begin(self) -> None:
        """Begin: a job that may be a suspect is about to start."""
        now = time.monotonic()
        self._look_at, self._ends_at = now + AT_LEAST, now + AT_MOST

    def lasts(self, suspects: Collection[str], due: Collection[str]) -> bool:
        """Tell whether nothing should start now; `suspects` are the queues of those that run here."""
        if not (suspects and self.is_on):
            return False
        now = time.monotonic()
        if not due or now < self._look_at:
            return True
        self._look_at = now + LOOK
        if self._holds_up(suspects, due):
            self._ends_at = now
        return self.is_on

    def _holds_up(self, suspects: Collection[str], due: Collection[str]) -> bool:
        """Tell whether jobs wait for this process: no other worker has started them."""
        with for_one_statement(self._engine) as connection:
            if not all(workers.others_serve(connection, self._worker(), queue) for queue in suspects):
                return True
            waited, others = timedelta(seconds=LOOK), set(due) - set(suspects)
            return bool(due_queues(connection, self._worker(), others, BY_NAME, most=1, depth=DEPTH, waited=waited))
