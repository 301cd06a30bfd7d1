"""Time: the database's clock decides, in statements (`db_now`) and as each process has heard it (`now`).

A host's own time of day counts nowhere else, but to delete later (`ahead`, `behind`): hosts differ, and what one of
them writes another one reads.
"""

import re
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator
from sqlalchemy import func

__all__ = ["SKEW", "UTC", "ZonedTime", "ahead", "behind", "db_now", "hear", "now"]


def _spelled_out(value: object) -> object:
    """Refuse a number as a time, which pydantic takes for seconds since 1970."""
    is_number = isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip()))
    if is_number:
        raise ValueError("write a time with its zone, such as 2026-11-20T14:02:00Z")
    return value


_NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", re.IGNORECASE)
#: A time that a person or a program gives: in words, with its zone.
ZonedTime = Annotated[AwareDatetime, BeforeValidator(_spelled_out)]

#: The database's time when it was last heard, and this process's monotonic clock then.
_heard: tuple[datetime, float] | None = None
#: The database's time as it was least ahead of the time that has passed here: its timestamp without that time.
_least: float | None = None
#: The same as it was most ahead.
_most: float | None = None

#: A time that was written is ahead of the database's by so much at most: more, and its clock stood in the future then.
#: The rest may be a clock that was put right, or a failover.
SKEW = timedelta(minutes=5)
#: The latest time that is heard as it is: the type ends with the year 9999, and time goes on from what was heard.
_LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


def now() -> datetime:
    """Return the database's time, aware, in UTC: as last heard, and the time that has passed here since.

    Each connection hears it when it opens and when it is tested, so it follows a step within a second or two. It is
    behind by less than that answer took. Before the first connection, it is this host's. Never compare it with a lease.
    """
    if _heard is None:
        return datetime.now(UTC)
    at, then = _heard
    return at + timedelta(seconds=time.monotonic() - then)


def hear(seconds: float) -> None:
    """Note the database's time, which was read just now, in seconds since 1970."""
    global _heard, _least, _most
    at = datetime.fromtimestamp(max(0.0, min(seconds, _LATEST)), UTC)
    _heard = (at, time.monotonic())
    begin = at.timestamp() - _passed()
    _least = begin if _least is None else min(_least, begin)
    _most = begin if _most is None else max(_most, begin)


def ahead(at: datetime) -> timedelta:
    """Return by how much the database's time may have gone ahead of the true one; zero for less than SKEW.

    It cannot be later than it was once heard here, and the time that has passed since; this host's clock is the second
    witness, also of what was before this process. Both may be behind: then what this protects is kept for longer.
    """
    earliest = at if _least is None else datetime.fromtimestamp(_least + _passed(), UTC)
    step = at - min(at, earliest, datetime.now(UTC))
    return step if step > SKEW else timedelta()


def behind(at: datetime) -> timedelta:
    """Return by how much the database's time may have gone back behind the true one; zero for less than SKEW.

    The witnesses are those of `ahead`; one that is ahead keeps rows of the future for longer.
    """
    latest = at if _most is None else datetime.fromtimestamp(_most + _passed(), UTC)
    step = max(at, latest, datetime.now(UTC)) - at
    return step if step > SKEW else timedelta()


def _passed() -> float:
    """Return the seconds that have passed here since some moment, also while the machine slept, where it tells."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def db_now() -> Any:
    """Return the database's time at the current statement; it is constant there, so an index can be used."""
    return func.statement_timestamp()
