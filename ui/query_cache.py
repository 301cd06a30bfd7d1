"""Queries whose result many pages share, read once for all of them."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from sqlmodel import Session

from core.analytics.recent import RecentOutcomes, RecentTime, recent_outcomes
from core.job_list.counts import facets
from core.job_list.filters import JobFilter
from core.job_list.over_time import JobsOverTime, jobs_over_time
from core.overview import Overview
from core.overview import overview as read_overview
from core.people.user_listing import user_listing
from core.queues.last_day import job_times
from core.queues.summary import queue_summary
from core.queues.workers import worker_listing
from core.schedules.listing import schedule_lines
from core.slowdown import slowdowns
from ui import access, live

K = TypeVar("K")
T = TypeVar("T")

#: Seconds for which a result stays fresh; a little less than the second between two refreshes of a page.
FRESH = 0.8
#: Seconds for which counts of jobs hold while none changes: a scheduled one becomes due by itself.
COUNTED = 5.0
#: Seconds for which bars hold, whatever changes: nobody sees a bar grow, and they read every job that they count.
DRAWN = 5.0
#: What took long to read holds this many times as long: a list of a million jobs costs a twentieth of a core.
HOLDS_TIMES = 20
#: But no longer than this: on a busy machine a read waits long for its turn, and bars are believed.
HELD_AT_MOST = 15.0
#: Seconds that bars hold besides while no job changes: the time that they are of goes on.
UNCHANGED = 55.0
#: Keys whose results are kept.
MOST_KEPT = 100


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


class _ByKey(Generic[K, T]):
    """One result per key for all viewers, with when it was read; whether it still holds, is for the classes below."""

    def __init__(self, read: Callable[[Session, K], T], seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()
        #: How many changes were known when it was read, until when it holds, and the result.
        self._last: dict[K, tuple[int, float, T]] = {}

    def _only(self, key: K) -> asyncio.Lock:
        """Return the lock under which a key is read by one viewer, while the others wait for the result."""
        return self._locks.setdefault(key, asyncio.Lock())

    def _keep(self, key: K, contained: int, until: float, result: T) -> T:
        """Keep a result as the newest one, and only so many."""
        self._last.pop(key, None)
        self._last[key] = contained, until, result
        if len(self._last) > MOST_KEPT:
            del self._last[next(iter(self._last))]
        return result


class UntilChanged(_ByKey[K, T]):
    """One result per key for all viewers until a job or user changes: they all look again in the same moment."""

    async def now(self, key: K) -> T:
        """Return a result that contains every change known here when it is asked for."""
        changes = live.hub.noted
        async with self._only(key):
            if last := self._last.get(key):
                contained, until, result = last
                if contained >= changes and time.monotonic() < until:
                    return result
            return await self._query(key)

    async def anew(self, key: K) -> T:
        """Query again, for a page that opens or has just changed something, which may not be known here yet."""
        async with self._only(key):
            return await self._query(key)

    async def _query(self, key: K) -> T:
        contained = live.hub.noted
        result = await access.load(self._read, key)
        return self._keep(key, contained, time.monotonic() + self._seconds, result)


class HeldFor(_ByKey[K, T]):
    """One result per key for all viewers, for some seconds whatever changes, longer if it is dear or nothing does."""

    async def now(self, key: K) -> T:
        """Return the result of the last seconds, or query again."""
        async with self._only(key):
            if last := self._last.get(key):
                contained, until, result = last
                if time.monotonic() < until + (UNCHANGED if contained == live.hub.noted else 0):
                    return result
            contained, began = live.hub.noted, time.monotonic()
            result = await access.load(self._read, key)
            now = time.monotonic()
            held = min(HELD_AT_MOST, max(self._seconds, HOLDS_TIMES * (now - began)))
            return self._keep(key, contained, now + held, result)


workers = CachedQuery(worker_listing)
queues = CachedQuery(queue_summary)
#: It changes with a roll-up.
times = CachedQuery(job_times, fresh=10)
schedules = CachedQuery(schedule_lines)
#: It changes within minutes.
slowdown = CachedQuery(slowdowns, fresh=10)
jobs = UntilChanged(facets, COUNTED)
#: However many lists of users are open.
users = UntilChanged(user_listing, FRESH)
recent = HeldFor[RecentTime, RecentOutcomes](recent_outcomes, DRAWN)
over_time = HeldFor[JobFilter, JobsOverTime](jobs_over_time, DRAWN)
overview = UntilChanged[None, Overview](lambda session, _: read_overview(session), FRESH)
