"""Outages in the log: one line when database or broker go away, and one when they are back, whoever notices it.

Every thread that finds the server away logs so, again and again. While an outage is on, these records are left out.
"""

import logging
import threading
import time
from typing import Final

log = logging.getLogger(__name__)

#: Seconds after the end in which threads may still report what failed during the outage.
LINGER: Final = 2.0
#: Seconds without any report after which the next one is of a new outage: the end of the last one was not noticed.
QUIET: Final = 60.0
#: Loggers that report nothing but a broker that is away; at level warning and above.
_OF_BROKER: Final = ("tasks.redis_bus", "tasks.shared_limiter")
_DRAMATIQ: Final = "dramatiq"


class Outage:
    """Whether one server is away at present, as this process sees it; any thread may report it."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._began: float | None = None
        self._last = self._ended = float("-inf")
        self._left_out = 0

    @property
    def is_on(self) -> bool:
        """Whether the server is away, or was until a moment ago."""
        return self._began is not None or time.monotonic() - self._ended < LINGER

    def begin(self, problem: str, error: str) -> None:
        """Report that the server is away; only the first report of an outage is logged."""
        with self._lock:
            now = time.monotonic()
            if self._began is None and now - self._ended < LINGER:
                return  # what began during the outage ends a moment after it
            is_new = self._began is None or now - self._last > QUIET
            if is_new:
                self._began, self._left_out = now, 0
            self._last = now
        if is_new:
            log.warning("%s %s", self._server, problem, extra={"reason": error.split("\n")[0]})

    def end(self) -> None:
        """Report that the server responds; the end of an outage is logged."""
        with self._lock:
            if self._began is None:
                return
            seconds, left_out = round(time.monotonic() - self._began, 1), self._left_out
            self._began, self._ended = None, time.monotonic()
        log.warning("%s is back", self._server, extra={"seconds": seconds, "lines_left_out": left_out})

    def leave_out(self) -> bool:
        """Count a record that is left out; return False, as a filter does."""
        self._left_out += 1
        return False


DATABASE: Final = Outage("database")
BROKER: Final = Outage("broker")


class OncePerOutage(logging.Filter):
    """Leaves out what threads report during an outage, each time they try again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written."""
        if _is_of_broker(record):
            BROKER.begin("does not respond: sweepers start jobs, screens poll", _error_of(record))
            return BROKER.leave_out()
        if record.name.startswith(_DRAMATIQ) and record.levelno < logging.WARNING and BROKER.is_on:
            return BROKER.leave_out()
        if record.levelno == logging.WARNING and hasattr(record, "error") and DATABASE.is_on:
            return DATABASE.leave_out()
        return True


def _is_of_broker(record: logging.LogRecord) -> bool:
    if record.name.startswith(_DRAMATIQ):
        return record.levelno >= logging.WARNING and "connection error" in record.getMessage().lower()
    return record.levelno >= logging.WARNING and record.name in _OF_BROKER


def _error_of(record: logging.LogRecord) -> str:
    return str(getattr(record, "error", record.getMessage()))
