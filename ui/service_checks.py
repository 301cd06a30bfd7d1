"""What outside services answer now, asked for all viewers at once and only while someone looks."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final

from core.diagnosis.again import Again, again_after_check
from core.diagnosis.answer import Diagnosis
from core.diagnosis.service_check import ServiceCheck, after_check, check_service

#: Seconds between two questions to a service, however many pages and requests are about it.
FRESH: Final = 5.0


class ServiceChecks:
    """The latest look at each service; one per console process, for its pages and its API."""

    def __init__(self) -> None:
        # A thread of its own: services that hang take none from the queries of pages.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="service check")
        self._asking = threading.Lock()
        self._last: dict[str, tuple[float, ServiceCheck | None]] = {}

    async def now(self, name: str) -> ServiceCheck | None:
        """Return the look of the last seconds, or look again; None where there is nothing to ask."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.look, name)

    def look(self, name: str) -> ServiceCheck | None:
        """Do the same in a thread that may wait: for PROBE_SECONDS, as all who ask meanwhile."""
        if not name:
            return None
        with self._asking:
            asked_at, check = self._last.get(name, (-FRESH, None))
            if monotonic() - asked_at >= FRESH:
                check = check_service(name)
                self._last[name] = monotonic(), check
            return check


service_checks = ServiceChecks()


def checked(diagnosis: Diagnosis) -> Diagnosis:
    """Return a diagnosis as a look at its service leaves it, for the API: pages show the look itself, too."""
    return after_check(diagnosis, service_checks.look(diagnosis.service))


def checked_again(again: Again) -> Again:
    """Return what another attempt would come to as a look at its service leaves it, for the API."""
    return again_after_check(again, service_checks.look(again.service))
