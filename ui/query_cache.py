"""Queries whose result many pages share, read once for all of them."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from sqlmodel import Session

from core.job_list.counts import Facets, facets
from core.job_list.filters import JobFilter
from core.queues.summary import queue_summary
from core.queues.workers import worker_listing
from core.schedules.listing import schedule_lines
from core.slowdown import slowdowns
from ui import access, live

T = TypeVar("T")

#: Seconds for which a result stays fresh; a little less than the second between two refreshes of a page.
FRESH = 0.8
#: Seconds for which counts of jobs hold while none changes: a scheduled one becomes due by itself.
COUNTED = 5.0
#: Filters whose counts are kept.
MOST_COUNTED = 100


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


class CountsOfJobs:
    """The counts of each filter, read once for all viewers until a job changes: they all look in the same moment."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[JobFilter, asyncio.Lock] = WeakValueDictionary()
        self._last: dict[JobFilter, tuple[int, float, Facets]] = {}

    async def now(self, job_filter: JobFilter) -> Facets:
        """Return counts that contain every change known here when they are asked for."""
        changes = live.hub.noted
        async with self._locks.setdefault(job_filter, asyncio.Lock()):
            contained, until, counts = self._last.get(job_filter, (-1, 0.0, {}))
            if contained >= changes and time.monotonic() < until:
                return counts
            return await self._count(job_filter)

    async def anew(self, job_filter: JobFilter) -> Facets:
        """Count again, for a person who has just changed something: their change may not be known here yet."""
        async with self._locks.setdefault(job_filter, asyncio.Lock()):
            return await self._count(job_filter)

    async def _count(self, job_filter: JobFilter) -> Facets:
        contained = live.hub.noted
        counts = await access.load(facets, job_filter)
        self._last.pop(job_filter, None)
        self._last[job_filter] = contained, time.monotonic() + COUNTED, counts
        if len(self._last) > MOST_COUNTED:
            del self._last[next(iter(self._last))]
        return counts


workers = CachedQuery(worker_listing)
queues = CachedQuery(queue_summary)
schedules = CachedQuery(schedule_lines)
#: It changes within minutes.
slowdown = CachedQuery(slowdowns, fresh=10)
jobs = CountsOfJobs()
