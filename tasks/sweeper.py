"""The sweeper: a thread in every worker and console process that rescues dead workers' jobs.

The database's clock says what is overdue, and may step at any moment. So nothing is taken from a worker before this
process has watched it, by its own monotonic clock, for as long as a living one needs to show that it lives.
Consoles sweep too, so that cancelled jobs and users come to rest while no worker lives. A worker's sweeper also wakes
its own process directly, so that due jobs start even while the broker is empty, full or down.
"""

import logging
import random
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session, select

from core import clock
from core.database.engine import session_scope
from core.jobs import abandon, sweep, workers
from core.jobs.watch import ClockSteps, Watch
from core.operations import BY_NAME
from core.settings import settings
from tasks.actors import Drain
from tasks.loop import Loop

log = logging.getLogger(__name__)

#: A living worker has sent one of so many heartbeats, and has seen with it whether the database's clock stepped.
MISSED = 2


class Sweeper:
    """Sweeps every UNSTUCK_SWEEP_SECONDS, a little less or more so that many sweepers spread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: Until when no worker is presumed dead, by the monotonic clock.
        self._patient_until = 0.0
        longest = settings().sweep_seconds
        self._heartbeats: Watch[UUID] = Watch(longest)
        self._deadlines: Watch[tuple[UUID, int]] = Watch(longest)
        self._abandoned: Watch[tuple[UUID, int]] = Watch(longest)
        self._steps: ClockSteps | None = None
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
        """Presume silent workers dead, rescue their jobs, and end those that no worker can take over."""
        self._heed_the_clock()
        with session_scope(self._engine) as session:
            self._mark_lost(session)
        with session_scope(self._engine) as session:
            orphans = self._orphans(session)
        for orphan in orphans:
            rescue(self._engine, orphan)
        with session_scope(self._engine) as session:
            abandoned = self._long_abandoned(session)
        for job_id, token in abandoned:
            _abandon(self._engine, job_id, token)

    def _heed_the_clock(self) -> None:
        """Look whether the database's clock stepped: then deadlines say nothing until workers have carried them along.

        Queued jobs do not wait for a clock that was put back, also before the start of this process.
        """
        with session_scope(self._engine) as session:
            at = session.exec(select(clock.db_now())).one()
        is_first, self._steps = self._steps is None, self._steps or ClockSteps()
        step = self._steps.since_last(at)
        if step:
            self._deadlines = Watch(settings().sweep_seconds)
        if is_first or step < timedelta():
            self._bring_forward()

    def _bring_forward(self) -> None:
        brought = sweep.BATCH
        while brought == sweep.BATCH:
            with session_scope(self._engine) as session:
                brought = sweep.bring_forward(session)
            if brought:
                log.warning("the database's clock was put back: jobs brought forward", extra={"count": brought})

    def _mark_lost(self, session: Session) -> None:
        heartbeats = sweep.last_heartbeats(session, settings().lease)
        watched = self._heartbeats.look({each.id: each.at for each in heartbeats})
        if time.monotonic() < self._patient_until:
            return
        # A clock that was put back leaves heartbeats in the future: a silent lease is over whatever it says.
        silent = [
            each
            for each in heartbeats
            if watched[each.id] >= (_patience() if each.is_expired and each.lease <= _lease_seconds() else each.lease)
        ]
        if lost := sweep.mark_lost_workers(session, silent):
            log.warning("workers presumed dead", extra={"count": lost})

    def _orphans(self, session: Session) -> list[sweep.Orphan]:
        # Watched before they are over, so that no time is lost then.
        soon = _patience() + 2 * settings().sweep_seconds
        watched = self._deadlines.look(sweep.deadlines(session, soon))
        return [
            each
            for each in sweep.orphans(session)
            if each.why == "worker" or watched.get((each.id, each.token), 0.0) >= _patience()
        ]

    def _long_abandoned(self, session: Session) -> list[tuple[UUID, int]]:
        """Return abandoned jobs, after a lease in which a worker that has just been started may take them over."""
        watched = self._abandoned.look(dict.fromkeys(abandon.abandoned(session, settings().orphan_patience), ""))
        return [key for key, seconds in watched.items() if seconds >= _lease_seconds()]


class WorkerSweeper(Sweeper):
    """The sweeper of a worker process: it also wakes that process for every queue that is due."""

    def __init__(self, drain: Drain, queues: list[str]) -> None:
        super().__init__(drain.engine)
        self._drain = drain
        self._queues = queues

    def once(self) -> None:
        """Sweep, and let this process's free threads share the due queues."""
        super().once()
        with session_scope(self._engine) as session:
            due = sweep.wake_due(session, self._drain.worker_id, self._queues, BY_NAME)
        for queue, _, urgency in due:
            self._drain.carrier.wake(queue, urgency)


def rescue(engine: Engine, orphan: sweep.Orphan) -> None:
    """Rescue one job; one that its dead holder still locks, or that cannot be ended, keeps no others waiting."""
    if _alone(engine, orphan.id, lambda session: sweep.rescue(session, orphan)):
        log.warning("job rescued", extra={"job": str(orphan.id), "token": orphan.token, "why": orphan.why})


def take_over(engine: Engine, launch: UUID) -> None:
    """Free the jobs of a worker process that has ended; no lease needs to run out."""
    with session_scope(engine) as session:
        lost = workers.mark_ended(session, launch)
    if not lost:
        return
    with session_scope(engine) as session:
        orphans = sweep.orphans(session)
    for orphan in orphans:
        if orphan.why == "worker":
            rescue(engine, orphan)


def _abandon(engine: Engine, job_id: UUID, token: int) -> None:
    patience = settings().orphan_patience
    if _alone(engine, job_id, lambda session: abandon.abandon(session, job_id, token, patience)):
        log.warning("job failed: no worker serves its queue", extra={"job": str(job_id), "token": token})


def _alone(engine: Engine, job_id: UUID, change: Callable[[Session], bool]) -> bool:
    """Change one job in a transaction of its own; whatever is wrong with it does not concern the others."""
    try:
        with session_scope(engine) as session:
            return change(session)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one job
        kind = f"{type(error).__name__}: {error}".split("\n")[0]
        log.warning("not rescued yet", extra={"job": str(job_id), "error": kind})
        return False


def _patience() -> float:
    return min(MISSED * settings().heartbeat_seconds, _lease_seconds())


def _lease_seconds() -> float:
    return settings().lease_seconds


def _pause() -> float:
    return settings().sweep_seconds * random.uniform(0.8, 1.0)  # noqa: S311 - spreads many sweepers
