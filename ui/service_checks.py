"""What outside services answer now, asked for all viewers at once and only while someone looks."""

import asyncio
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final

from core.diagnosis.service_check import ServiceCheck, check_service

#: Seconds between two questions to a service, however many pages are about it.
FRESH: Final = 5.0


class ServiceChecks:
    """The latest look at each service; one per console process."""

    def __init__(self) -> None:
        # A thread of its own: services that hang take none from the queries of pages.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="service check")
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last: dict[str, tuple[float, ServiceCheck | None]] = {}

    async def now(self, name: str) -> ServiceCheck | None:
        """Return the look of the last seconds, or look again; None where there is nothing to ask."""
        async with self._locks[name]:
            asked_at, check = self._last.get(name, (-FRESH, None))
            if monotonic() - asked_at >= FRESH:
                loop = asyncio.get_running_loop()
                check = await loop.run_in_executor(self._thread, check_service, name)
                self._last[name] = monotonic(), check
            return check


service_checks = ServiceChecks()
