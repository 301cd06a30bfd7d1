"""A pool whose threads share the connections that they have, when the server has no more for them.

A role, a pooler or a full server may allow fewer connections than there are threads. Then a thread waits until another
one returns its connection, as it does when the pool itself is full.
"""

import logging
import threading
import time
from typing import Any, Final

import psycopg
from sqlalchemy.pool import QueuePool

log = logging.getLogger(__name__)

#: Seconds until a waiting thread asks the server again, though none of ours was returned.
ASK_AGAIN: Final = 0.2
#: Seconds for which another thread may be about to get what this one was refused.
ABOUT_TO: Final = 1.0
#: Seconds until the log says it again.
QUIET: Final = 60.0


class SharingPool(QueuePool):
    """The pool of every engine."""

    #: It logs where SQLAlchemy's own pools do: what happens to single connections is no line of our log.
    _sqla_logger_namespace = "sqlalchemy.pool.SharingPool"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_use: set[object] = set()
        self._is_disposed = False
        #: How many threads are opening one; only nearly, because it is no promise.
        self._opening = 0
        #: How often one was returned, and who waits for that.
        self._returns = 0
        self._returned = threading.Condition()
        self._told_at = float("-inf")

    def connect(self) -> Any:
        """Return a connection; one that the server refuses is waited for as long as others of this pool are in use."""
        began = time.monotonic()
        while True:
            before = self._returns
            try:
                return self._open()
            except psycopg.OperationalError as refusal:
                if not self._may_share(before, time.monotonic() - began):
                    raise
                self._tell(refusal)
            with self._returned:
                if self._returns == before:
                    self._returned.wait(ASK_AGAIN)

    def _open(self) -> Any:
        self._opening += 1
        try:
            connection: Any = super().connect()
            self._in_use.add(connection._connection_record)  # noqa: SLF001 - what `_do_return_conn` gets
        finally:
            self._opening -= 1
        return connection

    def _may_share(self, before: int, waited: float) -> bool:
        """Tell whether another thread has a connection, had one since, or may be just about to have one."""
        if waited >= self.timeout():
            return False
        return bool(self._in_use) or self._returns != before or (self._opening > 0 and waited < ABOUT_TO)

    def dispose(self) -> None:
        """Close the idle connections now, and the others when they are returned: the server may have no more."""
        self._is_disposed = True
        super().dispose()

    def _do_return_conn(self, record: Any) -> None:
        super()._do_return_conn(record)
        if self._is_disposed:
            super().dispose()
        if record in self._in_use:  # not one that the server refused
            with self._returned:
                self._in_use.discard(record)
                self._returns += 1
                self._returned.notify()

    def _tell(self, refusal: psycopg.OperationalError) -> None:
        if time.monotonic() - self._told_at > QUIET:
            self._told_at = time.monotonic()
            why = {"open": len(self._in_use), "reason": str(refusal).split("\n")[0]}
            log.warning("too few connections: threads wait for each other's", extra=why)
