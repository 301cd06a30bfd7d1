"""The heartbeat: reports that this process lives, and looks after the jobs it holds."""

import logging
import time
from collections.abc import Callable, Iterable
from uuid import UUID

from sqlmodel import Session, select

from core import clock, rounds
from core.database.engine import session_scope
from core.jobs import workers
from core.jobs.memory_curve import MemoryCurve
from core.jobs.run import Interrupted
from core.jobs.watch import ClockSteps
from core.settings import settings
from tasks.actors import Drain
from tasks.loop import Loop

log = logging.getLogger(__name__)

#: Seconds until the next try after a beat that did not reach the database.
RETRY = 1.0

Key = tuple[UUID, int]


class Heartbeat:
    """A thread that beats every UNSTUCK_HEARTBEAT_SECONDS, whatever the database is doing."""

    def __init__(
        self,
        drain: Drain,
        queues: list[str],
        version: str,
        give_up: Callable[[], None],
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        """Beat for `drain`.

        `give_up` ends the process when every thread hangs in a job that is no longer ours; `leave` ends it cleanly.
        """
        self._drain = drain
        self._queues = queues
        self._version = version
        self._give_up = give_up
        self._leave = leave
        self._suspects: set[Key] = set()
        self._steps = ClockSteps()
        self._memory = MemoryCurve()
        #: Jobs that were taken away from threads which still work on them, and since when, by the monotonic clock.
        self._void: dict[Key, float] = {}
        self._loop = Loop("heartbeat", self.once, self._pause, missed="heartbeat missed")

    def start(self) -> None:
        """Begin to beat."""
        self._loop.start()

    def stop(self) -> None:
        """Stop beating."""
        self._loop.stop()

    def _pause(self) -> float:
        pause = settings().heartbeat_seconds
        return pause if self._loop.is_well else min(RETRY, pause)

    def once(self) -> None:
        """Beat once: report life, interrupt jobs that ignore cancel or time limit, release what no thread holds."""
        held = self._drain.registry.held()
        with session_scope(self._drain.engine) as session:
            used, curve = self._memory.look()
            orders = workers.beat(session, self._drain.worker_id, used, rounds.stalled(), curve)
            if orders is None:
                self._begin_new_life(session)
            self._heed_the_clock(session)
            overdue = workers.overdue(session, self._drain.worker_id, settings().grace_seconds)
            lost = held.keys() - workers.held_by(session, self._drain.worker_id)
        if orders:
            self._follow(orders)
        # Seen twice: a thread may just be about to let go of a job that it has ended.
        self._interrupt([*overdue, *(lost & self._void.keys())])
        self._note_void(lost)
        self._release_forgotten()

    def _follow(self, orders: workers.Orders) -> None:
        """Do what people want of this worker."""
        if orders.is_quiet is not self._drain.quiet.is_set():
            log.info("quiet: starts no more jobs" if orders.is_quiet else "starts jobs again")
            self._drain.set_quiet(is_quiet=orders.is_quiet)
        if orders.must_stop:
            self._leave()

    def _heed_the_clock(self, session: Session) -> None:
        """Look whether the database's clock has stepped: then no step of a job took longer or less than before."""
        at = session.exec(select(clock.db_now())).one()
        if step := self._steps.since_last(at):
            log.warning("the database's clock stepped", extra={"seconds": round(step.total_seconds(), 1)})
            workers.carry_deadlines(session, self._drain.worker_id, step, settings().step_limit)

    def _begin_new_life(self, session: Session) -> None:
        """Take a new identity after having been presumed dead: the old one's jobs belong to others by now."""
        threads = self._drain.registry.threads
        old = self._drain.worker_id
        self._drain.worker_id = workers.register(session, threads=threads, queues=self._queues, version=self._version)
        workers.take_orders(session, self._drain.worker_id, old)
        log.warning("was presumed dead, registered anew", extra={"worker": str(self._drain.worker_id), "was": str(old)})

    def _interrupt(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if self._drain.registry.interrupt(key, Interrupted):
                log.warning("interrupted a job that does not stop", extra={"job": str(key[0]), "token": key[1]})

    def _note_void(self, lost: set[Key]) -> None:
        """Remember threads whose job is no longer ours; when they are all of them, this process is of no more use."""
        now = time.monotonic()
        self._void = {key: self._void.get(key, now) for key in lost}
        stuck = [key for key, since in self._void.items() if now - since > settings().grace_seconds]
        if len(stuck) >= self._drain.registry.threads:
            log.error(
                "every thread hangs in a job that was taken away, ending", extra={"jobs": [str(k[0]) for k in stuck]}
            )
            self._give_up()

    def _release_forgotten(self) -> None:
        with session_scope(self._drain.engine) as session:
            forgotten = set(workers.forgotten(session, self._drain.worker_id, self._drain.registry.held()))
        # Seen twice: a job may be claimed, and not yet noted by its thread, just while we look.
        for job_id, token in forgotten & self._suspects:
            self._release(job_id, token)
        self._suspects = set(forgotten)

    def _release(self, job_id: UUID, token: int) -> None:
        """Release one job; one that cannot be ended keeps no others waiting."""
        named = {"job": str(job_id), "token": token}
        try:
            with session_scope(self._drain.engine) as session:
                workers.release(session, job_id, token)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one job
            log.warning("not released yet", extra={**named, "error": f"{type(error).__name__}: {error}".split("\n")[0]})
        else:
            log.warning("released a job that no thread holds", extra=named)
