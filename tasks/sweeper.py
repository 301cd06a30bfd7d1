"""The sweeper: a thread in every worker process that rescues dead workers' jobs and repeats lost wake-ups.

It wakes its own process directly, so that due jobs start even while the broker is empty, full or down.
"""

import logging
import random
import time

from core.database.engine import session_scope
from core.jobs import sweep
from core.jobs.due import DueQueue
from core.operations import BY_NAME
from core.settings import settings
from tasks.actors import Drain
from tasks.loop import Loop

log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps every UNSTUCK_SWEEP_SECONDS, a little less or more so that many sweepers spread."""

    def __init__(self, drain: Drain, queues: list[str]) -> None:
        self._drain = drain
        self._queues = queues
        #: Until when no worker is presumed dead, by the monotonic clock.
        self._patient_until = 0.0
        self._loop = Loop("sweeper", self._sweep, _pause, missed="sweep missed", at_once=True)

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._loop.start()

    def stop(self) -> None:
        """Stop sweeping."""
        self._loop.stop()

    def _sweep(self) -> None:
        try:
            self.once()
        except BaseException:
            # No worker could report that it lives while the database was away: give them the time to.
            self._patient_until = time.monotonic() + settings().lease_seconds
            raise

    def once(self) -> None:
        """Presume silent workers dead, rescue their jobs, and wake workers of every queue that is due."""
        engine = self._drain.engine
        self._mark_lost()
        with session_scope(engine) as session:
            orphans = sweep.orphans(session)
        for orphan in orphans:
            self._rescue(orphan)
        with session_scope(engine) as session:
            due = sweep.wake_due(session, self._drain.worker_id, self._queues, BY_NAME)
        self._wake(due)

    def _mark_lost(self) -> None:
        if time.monotonic() < self._patient_until:
            return
        with session_scope(self._drain.engine) as session:
            if lost := sweep.mark_lost_workers(session, settings().lease):
                log.warning("workers presumed dead", extra={"count": lost})

    def _rescue(self, orphan: sweep.Orphan) -> None:
        """Rescue one job; one that its dead holder still locks, or that cannot be ended, keeps no others waiting."""
        try:
            with session_scope(self._drain.engine) as session:
                rescued = sweep.rescue(session, orphan)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one job
            kind = f"{type(error).__name__}: {error}".split("\n")[0]
            log.warning("not rescued yet", extra={"job": str(orphan.id), "error": kind})
            return
        if rescued:
            log.warning("job rescued", extra={"job": str(orphan.id), "token": orphan.token, "why": orphan.why})

    def _wake(self, due: list[DueQueue]) -> None:
        """Let this process's free threads share the due queues."""
        for queue, _, urgency in due:
            self._drain.carrier.wake(queue, urgency)


def _pause() -> float:
    return settings().sweep_seconds * random.uniform(0.8, 1.0)  # noqa: S311 - spreads many sweepers
