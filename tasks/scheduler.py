"""The scheduler: a thread in every worker process; the first one to look fires a tick, and no tick fires twice."""

import logging
import random
import threading

from sqlalchemy.exc import SQLAlchemyError

from core.database.engine import session_scope
from core.schedules import scheduling
from core.settings import settings
from tasks.actors import Drain

log = logging.getLogger(__name__)

#: Seconds between two looks: a cron tick fires at most this much late, besides the start of its job.
LOOK_EVERY = 1.0


class Scheduler:
    """Looks for due schedules about once a second, but no more often than the sweeper if that is slower."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(2)

    def _look(self) -> None:
        every = min(LOOK_EVERY, settings().sweep_seconds)
        while not self._stop.wait(every * random.uniform(0.8, 1.0)):  # noqa: S311 - spreads many schedulers
            try:
                while not self._stop.is_set() and self._fire():
                    pass
            except SQLAlchemyError as error:
                log.warning("schedules not looked at", extra={"error": str(error).split("\n")[0]})

    def _fire(self) -> bool:
        with session_scope(self._drain.engine) as session:
            fired = scheduling.tick(session)
        if fired is None:
            return False
        job = str(fired.job_id) if fired.job_id else None
        log.info("schedule due", extra={"schedule": str(fired.schedule_id), "outcome": fired.outcome, "job": job})
        return True
