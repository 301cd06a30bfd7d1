"""Waiting for events in other processes, without sleeping for a guessed time."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Engine, text

T = TypeVar("T")

_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
""")

#: Seconds between two checks.
PAUSE = 0.02


def eventually(condition: Callable[[], T], within: float = 10) -> T:
    """Return the condition's first truthy value; after `within` seconds, fail with its last value or error."""
    until = time.monotonic() + within
    while True:
        value, failure = _look(condition)
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {within} s; the last value was {value!r}") from failure
        time.sleep(PAUSE)


def _look(condition: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """Evaluate a condition; a failed assertion or a missing name counts as not fulfilled yet."""
    try:
        return condition(), None
    except (AssertionError, LookupError) as error:
        return None, error


def until_blocked(engine: Engine, *others: Future[Any]) -> None:
    """Wait until each of these threads is done, or waits for a lock that somebody else has in the database."""

    def blocked() -> int:
        with engine.connect() as connection:
            return int(connection.execute(_WAITING).scalar_one())

    eventually(lambda: blocked() + sum(other.done() for other in others) >= len(others))
