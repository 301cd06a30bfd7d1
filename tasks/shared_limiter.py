"""Counting for the limits: in Redis, for all replicas together; while it is away, in this process alone."""

import logging
import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError

from core.people.rate_limits import Limit

log = logging.getLogger(__name__)

#: Seconds a count may take, and for which Redis is left alone after it did not answer.
TIMEOUT = 0.25
REST = 5.0


class SharedLimiter:
    """Counts in the Redis at `url`."""

    def __init__(self, url: str) -> None:
        self._here: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: RateLimiter = SlidingWindowCounterRateLimiter(_storage(url))
        self._away_until = 0.0

    def hit(self, limit: Limit, key: str) -> bool:
        """Count one more, and tell whether it is within the limit."""
        item = _item(limit)
        # Counted here too, so that a Redis that is wiped or lost forgives nothing that this process knows of.
        within = self._here.hit(item, limit.name, key)
        if time.monotonic() < self._away_until:
            return within
        try:
            return self._shared.hit(item, limit.name, key) and within
        except (RedisError, OSError, ValueError) as error:  # ValueError: a foreign value, no number
            self._rest(error)
            return within

    def is_spent(self, limit: Limit, key: str) -> bool:
        """Tell whether the limit is reached, without counting."""
        item = _item(limit)
        spent = not self._here.test(item, limit.name, key)
        if spent or time.monotonic() < self._away_until:
            return spent
        try:
            return not self._shared.test(item, limit.name, key)
        except (RedisError, OSError, ValueError) as error:
            self._rest(error)
            return False

    def wait(self, limit: Limit, key: str) -> int:
        """Return the seconds until there is room again, by this process's own count or the whole time."""
        if self._here.test(_item(limit), limit.name, key):
            return limit.seconds
        reset = self._here.get_window_stats(_item(limit), limit.name, key).reset_time
        return min(max(1, round(reset - time.time())), limit.seconds)

    def _rest(self, error: Exception) -> None:
        log.warning("limits count within this process only: no broker", extra={"error": str(error)})
        self._away_until = time.monotonic() + REST


def _item(limit: Limit) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(limit.times, limit.seconds, namespace="unstuck:limit")


def _storage(url: str) -> RedisStorage:
    known = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url
    return RedisStorage(known, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
