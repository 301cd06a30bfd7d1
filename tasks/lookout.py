"""The lookout: two threads in every worker and console process that find what is wrong, and tell it.

They need no job and no queue, since those may be what is wrong. One process at a time looks; all of them send.
"""

import random
from datetime import timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine
from sqlmodel import Session

from core.alerts import shared_round, watching
from core.alerts.telling import tell_operators, tell_webhooks
from core.database.engine import session_scope
from core.messages import sending
from core.messages.channels import DIRECT
from tasks.loop import Loop

#: Seconds between two looks at everything, by whichever process is due first.
LOOK_EVERY: Final = 60.0
#: Seconds between two rounds of one process.
ROUND: Final = 5.0


class Lookout:
    """Looks for alerts each minute, and sends what operators and webhooks are to be told."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sender = uuid4()
        self._watch = Loop("alerts", self.watch, _pause, missed="alerts not looked for")
        self._send = Loop("alert messages", self.send, _pause, missed="alerts and webhooks not sent")

    def start(self) -> None:
        """Begin to look and to send."""
        self._watch.start()
        self._send.start()

    def stop(self) -> None:
        """Stop both."""
        self._watch.finish()
        self._send.stop()
        self._watch.stop()

    def watch(self) -> None:
        """Look for alerts if no process has for a minute, and write what is to be told."""
        with session_scope(self._engine) as session:
            is_due, _ = shared_round.take(session, "look", timedelta(seconds=LOOK_EVERY))
            if is_due:
                sending.give_up(session)
                watching.look(session)
        with session_scope(self._engine) as session:
            tell_operators(session)
            tell_webhooks(session)

    def send(self) -> None:
        """Send every message that is due by a channel that needs no job."""
        for channel in DIRECT:
            if not channel.way():
                continue
            with Session(self._engine, expire_on_commit=False) as session:
                for _ in sending.drain(session, channel, self._sender):
                    session.commit()
                    self._send.note_round()
                    if self._send.is_stopping:
                        return


def _pause() -> float:
    return ROUND * random.uniform(0.8, 1.0)  # noqa: S311 - spreads many processes
