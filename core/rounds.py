"""What this process does again and again, and when each of it last came round: for doctor, probes and metrics."""

import logging
import time
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

log = logging.getLogger(__name__)

#: A thread has stalled when it has not come round for three of its pauses and this many seconds: longer than a
#: statement may take.
PATIENCE: Final = 60.0
#: Errors of an outage: it shows elsewhere, and the thread does what it can.
OUTAGES: Final = (OperationalError, InterfaceError, PoolTimeout, OSError)

#: The thread of a worker that shows whether the database is there.
HEARTBEAT: Final = "heartbeat"

_rounds: dict[str, "Rounds"] = {}


class Rounds:
    """The rounds of one thread or task; `every` is the longest pause between two of them, in seconds."""

    def __init__(self, name: str, every: float, outages: tuple[type[Exception], ...] = OUTAGES) -> None:
        self.name = name
        self.every = every
        self._outages = outages
        self.is_well = True
        #: Errors since the start; each is logged when it first appears, and not again until a round goes well.
        self.failures = 0
        self._error, self._in_outage = "", False
        self._round_at = 0.0

    def begin(self) -> None:
        """Note the start; from now on it should come round."""
        self._round_at = time.monotonic()
        _rounds[self.name] = self

    @property
    def is_stalled(self) -> bool:
        """Tell whether it should have come round by now: it hangs, or fails each time."""
        return time.monotonic() - self._round_at > 3 * self.every + PATIENCE

    def well(self) -> None:
        """Note that it came round."""
        self._round_at = time.monotonic()
        if not self.is_well:
            self.is_well, self._error = True, ""
            # The end of an outage is one line for all threads; see core/outages.py.
            log.log(logging.DEBUG if self._in_outage else logging.INFO, "works again", extra={"of": self.name})

    def failed(self, error: BaseException, missed: str) -> None:
        """Note that a round ended with an error, and log `missed` once for each new kind of error."""
        self.failures += 1
        self.is_well = False
        kind = f"{type(error).__name__}: {error}".split("\n")[0]
        is_outage = isinstance(error, self._outages)
        if is_outage and not (isinstance(error, SQLAlchemyError) and _is_database_there(self)):
            self._round_at = time.monotonic()
        if kind != self._error:
            level = logging.WARNING if is_outage else logging.ERROR
            log.log(level, missed, extra={"of": self.name, "error": kind})
        self._error, self._in_outage = kind, is_outage

    def end(self) -> None:
        """Forget it: it was stopped on purpose."""
        if _rounds.get(self.name) is self:
            del _rounds[self.name]


def _is_database_there(asking: Rounds) -> bool:
    """Tell whether this worker's heartbeat reaches the database: then an outage that another thread sees is its own."""
    beat = _rounds.get(HEARTBEAT)
    return beat is not None and beat is not asking and beat.is_well


def stalled() -> list[str]:
    """Return the names of this process's threads that have stalled."""
    return sorted(each.name for each in list(_rounds.values()) if each.is_stalled)
