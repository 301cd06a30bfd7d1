"""The heartbeat: says that this process lives, and looks after the jobs it holds."""

import logging
import threading

import psutil
from dramatiq.middleware.threading import raise_thread_exception
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core.db import session_scope
from core.jobs import workers
from core.jobs.run import Interrupted
from core.settings import settings
from tasks.actors import Drain

log = logging.getLogger(__name__)


class Heartbeat:
    """A thread that beats every UNSTUCK_HEARTBEAT_SECONDS, on whatever the database is doing."""

    def __init__(self, drain: Drain, queues: list[str], version: str) -> None:
        self._drain = drain
        self._queues = queues
        self._version = version
        self._suspects: set[tuple[object, int]] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating."""
        self._stop.set()
        self._thread.join(2)

    def _beat(self) -> None:
        while not self._stop.wait(settings().heartbeat_seconds):
            try:
                self.once()
            except SQLAlchemyError as error:
                log.warning("heartbeat missed", extra={"error": str(error).split("\n")[0]})

    def once(self) -> None:
        """Beat once: say that we live, interrupt what does not heed, hand back what no thread holds."""
        with session_scope(self._drain.engine) as session:
            memory = psutil.Process().memory_info().rss // 2**20
            if not workers.beat(session, self._drain.worker_id, memory):
                self._begin_new_life(session)
                return
            self._interrupt_overdue(session)
        self._hand_back_forgotten()

    def _begin_new_life(self, session: Session) -> None:
        """Take a new identity after having been presumed dead: the old one's jobs belong to others by now."""
        threads = self._drain.registry.threads
        old = self._drain.worker_id
        self._drain.worker_id = workers.register(session, threads=threads, queues=self._queues, version=self._version)
        log.warning("was presumed dead, registered anew", extra={"worker": str(self._drain.worker_id), "was": str(old)})

    def _interrupt_overdue(self, session: Session) -> None:
        held = self._drain.registry.held()
        for key in workers.overdue(session, self._drain.worker_id, settings().grace_seconds):
            if thread := held.get(key):
                log.warning("interrupting a job that does not stop", extra={"job": str(key[0]), "token": key[1]})
                raise_thread_exception(thread, Interrupted)  # type: ignore[no-untyped-call]

    def _hand_back_forgotten(self) -> None:
        with session_scope(self._drain.engine) as session:
            forgotten = set(workers.forgotten(session, self._drain.worker_id, self._drain.registry.held()))
        # Seen twice: a job may be claimed, and not yet noted by its thread, just while we look.
        for job_id, token in forgotten & self._suspects:
            with session_scope(self._drain.engine) as session:
                workers.give_back(session, job_id, token)
            log.warning("handed back a job that no thread holds", extra={"job": str(job_id), "token": token})
        self._suspects = set(forgotten)
