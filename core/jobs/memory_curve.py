"""How much memory this process has used: the most of each quarter of an hour, over the last day."""

import time
from collections import deque
from datetime import timedelta
from typing import Final

import psutil

#: For how long one value stands, and how many are kept.
QUARTER: Final = timedelta(minutes=15)
MOST: Final = 96


class MemoryCurve:
    """The curve, in MB, which grows by each look."""

    def __init__(self) -> None:
        self._most: deque[int] = deque(maxlen=MOST)
        self._since = 0.0

    def look(self) -> tuple[int, list[int]]:
        """Return how much is used now, and the curve with that; the last value is of the present quarter."""
        return self.note(psutil.Process().memory_info().rss // 2**20, time.monotonic())

    def note(self, used: int, now: float) -> tuple[int, list[int]]:
        """Note what is used `now`, by the monotonic clock; return both as `look` does."""
        if not self._most or now - self._since >= QUARTER.total_seconds():
            self._most.append(used)
            self._since = now
        else:
            self._most[-1] = max(self._most[-1], used)
        return used, list(self._most)
