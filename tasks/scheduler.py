"""The scheduler: a thread in every worker process; the first one to look fires a tick, and no tick fires twice.

It also looks whether messages wait in the outbox.
"""

import logging
import random

from core.actor import ENGINE
from core.database.engine import session_scope
from core.jobs.request import request_task
from core.messages.channels import BY_JOB, ways
from core.messages.outbox import due_channels
from core.operations.messages import QUEUE, SendForm, send_messages
from core.schedules import scheduling
from core.settings import settings
from tasks.actors import Drain
from tasks.loop import Loop

log = logging.getLogger(__name__)

#: Seconds between two looks: a cron tick fires at most this much late, besides the start of its job.
LOOK_EVERY = 1.0


class Scheduler:
    """Looks for due schedules about once a second, but no more often than the sweeper if that is slower."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._loop = Loop("scheduler", self.once, _pause, missed="schedules not looked at")

    def start(self) -> None:
        """Begin to look."""
        self._loop.start()

    def stop(self) -> None:
        """Stop looking."""
        self._loop.stop()

    def once(self) -> None:
        """Fire every schedule that is due, and let messages be sent."""
        while not self._loop.is_stopping and self._fire():
            pass
        if not self._loop.is_stopping:
            self._send_messages()

    def _fire(self) -> bool:
        with session_scope(self._drain.engine) as session:
            fired = scheduling.tick(session)
        if fired is None:
            return False
        job = str(fired.job_id) if fired.job_id else None
        log.info("schedule due", extra={"schedule": str(fired.schedule_id), "outcome": fired.outcome, "job": job})
        return True

    def _send_messages(self) -> None:
        """Request the job that sends a channel's messages when one is due; while nothing is to send, there is none.

        It goes on until none is due; two jobs that come at once share the messages.
        """
        with session_scope(self._drain.engine) as session:
            for channel in due_channels(session, ways(BY_JOB), QUEUE):
                request_task(session, send_messages, SendForm(channel=channel), ENGINE)


def _pause() -> float:
    return min(LOOK_EVERY, settings().sweep_seconds) * random.uniform(0.8, 1.0)  # noqa: S311 - spreads many schedulers
