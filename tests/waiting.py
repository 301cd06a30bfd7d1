"""Waiting for what happens elsewhere, without sleeping for a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds between two looks.
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
    """Evaluate a condition; one that asserts and fails, or finds no such name, is one that does not hold yet."""
    try:
        return condition(), None
    except (AssertionError, LookupError) as error:
        return None, error
