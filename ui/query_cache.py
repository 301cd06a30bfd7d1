"""What many pages show alike, read once for all of them."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlmodel import Session

from core.queues.summary import queue_summary
from core.queues.workers import worker_listing
from core.schedules.listing import schedule_lines
from ui import access

T = TypeVar("T")

#: Seconds for which a reading is fresh enough; a little less than the second after which pages ask again.
FRESH = 0.8


class CachedQuery(Generic[T]):
    """One reading for all viewers: a hundred open pages ask the database once a second, not a hundred times."""

    def __init__(self, read: Callable[[Session], T]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._last: tuple[float, T] | None = None

    async def now(self) -> T:
        """Return what was read within the last second, or read it."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > FRESH:
                return await self._anew()
            return self._last[1]

    async def anew(self) -> T:
        """Read again: for whoever has just changed something, and wants to see it."""
        async with self._lock:
            return await self._anew()

    async def _anew(self) -> T:
        found = await access.load(self._read)
        self._last = (time.monotonic(), found)
        return found


workers = CachedQuery(worker_listing)
queues = CachedQuery(queue_summary)
schedules = CachedQuery(schedule_lines)
