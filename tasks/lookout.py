"""The lookout: two threads in every worker and console process that find what is wrong, and tell it.

They need no job and no queue, since those may be what is wrong. One process at a time looks; all of them send, each
way out by a thread of its own, so that one that hangs keeps no other waiting.
"""

import logging
import random
from datetime import timedelta
from threading import Thread
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core.alerts import shared_round, watching
from core.alerts.telling import tell
from core.database.engine import session_scope
from core.messages import sending
from core.messages.channels import direct_lines, due_lines
from core.messages.sending import Line
from tasks.loop import Loop

log = logging.getLogger(__name__)

#: Seconds between two looks at everything, by whichever process is due first.
LOOK_EVERY: Final = 60.0
#: Seconds between two rounds of one process.
ROUND: Final = 5.0
#: Ways by which one process sends at a time.
MOST: Final = 20


class Lookout:
    """Looks for alerts each minute, and sends what operators and webhooks are to be told."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watch = Loop("alerts", self.watch, _pause, missed="alerts not looked for")
        self._send = Loop("alert messages", self.send, _pause, missed="alerts and webhooks not sent")
        self._sending: dict[str, Thread] = {}

    def start(self) -> None:
        """Begin to look and to send."""
        self._watch.start()
        self._send.start()

    def stop(self) -> None:
        """Stop both; what is being sent at this moment is sent again where its answer comes too late."""
        self._watch.finish()
        self._send.stop()
        self._watch.stop()

    def watch(self) -> None:
        """Look for alerts if no process has for a minute, and write what is to be told."""
        with session_scope(self._engine) as session:
            if shared_round.take(session, "look", timedelta(seconds=LOOK_EVERY)):
                sending.give_up(session)
                watching.look(session)
        for line in direct_lines():
            try:
                while self._write(line) and not self._watch.is_stopping:
                    self._watch.note_round()
            except SQLAlchemyError as error:  # of one way out: the others are told
                log.warning("not told", extra={"way": line.key, "error": type(error).__name__})

    def _write(self, line: Line) -> bool:
        with session_scope(self._engine) as session:
            return tell(session, line)

    def send(self) -> None:
        """Let every way out with a due message be sent by, unless that is under way."""
        under_way = self.under_way()
        with session_scope(self._engine) as session:
            due = [line for line in due_lines(session) if line.key not in under_way]
        for line in due[: MOST - len(under_way)]:
            thread = Thread(target=self._send_by, args=(line,), name="alert message", daemon=True)
            self._sending[line.key] = thread
            thread.start()

    def under_way(self) -> set[str]:
        """Return the ways out by which this process sends at this moment."""
        return {key for key, thread in self._sending.items() if thread.is_alive()}

    def wait(self) -> None:
        """Wait until nothing is being sent."""
        for thread in list(self._sending.values()):
            thread.join()

    def _send_by(self, line: Line) -> None:
        try:
            with Session(self._engine, expire_on_commit=False) as session:
                for _ in sending.drain(session, line, uuid4()):
                    session.commit()
                    if self._send.is_stopping:
                        return
        except Exception as error:  # noqa: BLE001 - the messages are due again after their lease
            log.warning("messages not sent", extra={"way": line.key, "error": type(error).__name__})


def _pause() -> float:
    return ROUND * random.uniform(0.8, 1.0)  # noqa: S311 - spreads many processes
