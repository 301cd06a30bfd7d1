"""Queries whose result many pages share, read once for all of them."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlmodel import Session

from core.queues.summary import queue_summary
from core.queues.workers import worker_listing
from core.schedules.listing import schedule_lines
from core.slowdown import slowdowns
from ui import access

T = TypeVar("T")

#: Seconds for which a result stays fresh; a little less than the second between two refreshes of a page.
FRESH = 0.8


class CachedQuery(Generic[T]):
    """One result for all viewers: a hundred open pages query the database once a second, not a hundred times."""

    def __init__(self, read: Callable[[Session], T], fresh: float = FRESH) -> None:
        self._read, self._fresh = read, fresh
        self._lock = asyncio.Lock()
        self._last: tuple[float, T] | None = None

    async def now(self) -> T:
        """Return the result of the last second, or query again."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > self._fresh:
                return await self._query()
            return self._last[1]

    async def anew(self) -> T:
        """Query again, for a person who has just changed something."""
        async with self._lock:
            return await self._query()

    async def _query(self) -> T:
        result = await access.load(self._read)
        self._last = (time.monotonic(), result)
        return result


workers = CachedQuery(worker_listing)
queues = CachedQuery(queue_summary)
schedules = CachedQuery(schedule_lines)
#: It changes within minutes.
slowdown = CachedQuery(slowdowns, fresh=10)
