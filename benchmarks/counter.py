"""Counting what ran: one byte in a file for each job, whichever process, thread or library ran it."""

import os
import time
from functools import cache
from pathlib import Path

#: Seconds between two readings while waiting.
PAUSE = 0.002


@cache
def _file() -> int:
    return os.open(os.environ["BENCH_COUNTER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def tick() -> None:
    """Count one job: a whole write, so it holds among processes."""
    os.write(_file(), b".")


def count() -> int:
    """Return how many jobs were counted since the start."""
    path = Path(os.environ["BENCH_COUNTER"])
    return path.stat().st_size if path.exists() else 0


def wait_for(number: int, within: float) -> bool:
    """Wait until `number` jobs were counted; False when that takes longer than `within` seconds."""
    until = time.monotonic() + within
    while count() < number:
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    return True
