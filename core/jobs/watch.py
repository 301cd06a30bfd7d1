"""Watching values stay as they are, by this process's monotonic clock: the database's clock may step at any moment."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K")


class Watch(Generic[K]):
    """For how long values have not changed, in looks that this process takes again and again.

    A pause longer than `longest` seconds between two looks counts as `longest`: whatever stood still with this process,
    as on a machine that was paused, gets time to go on.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._looked_at = 0.0
        self._seen: dict[K, tuple[str, float]] = {}

    def look(self, values: Mapping[K, str]) -> Mapping[K, float]:
        """Note the present values; return for each how many seconds it has been seen as it is now."""
        now = time.monotonic()
        pause, self._looked_at = min(now - self._looked_at, self._longest), now
        before, self._seen = self._seen, {}
        for key, value in values.items():
            last, seconds = before.get(key, ("", 0.0))
            self._seen[key] = (value, seconds + pause if last == value else 0.0)
        return {key: seconds for key, (_, seconds) in self._seen.items()}


class ClockSteps:
    """By how much the database's clock has stepped between two looks at it."""

    #: Seconds by which two looks may differ because an answer was slow.
    TOLERANCE = timedelta(seconds=1)

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def since_last(self, at: datetime) -> timedelta:
        """Return how far the clock went beyond the time that passed here; negative if it was put back, or zero."""
        now, last = time.monotonic(), self._last
        self._last = at, now
        step = at - last[0] - timedelta(seconds=now - last[1]) if last else timedelta()
        return step if abs(step) > self.TOLERANCE else timedelta()
