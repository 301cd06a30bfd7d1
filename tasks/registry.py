"""The jobs that this process holds, the threads that hold them, and the slots that are free."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from core.jobs.claim import Claimed


class Registry:
    """The jobs that this process's threads hold; at most `threads` of them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._busy = 0
        self._held: dict[tuple[UUID, int], int] = {}
        self._freed = threading.Condition(self._lock)

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Take one of the process's slots for the time of the block; False: all are taken."""
        with self._lock:
            taken = self._busy < self.threads
            self._busy += taken
        try:
            yield taken
        finally:
            with self._freed:
                self._busy -= taken
                self._freed.notify_all()

    def take(self, held: Claimed) -> None:
        """Note that this thread works on a job."""
        with self._lock:
            self._held[held.id, held.token] = threading.get_ident()

    def forget(self, held: Claimed) -> None:
        """Note that no thread works on a job any more."""
        with self._lock:
            del self._held[held.id, held.token]

    def held(self) -> dict[tuple[UUID, int], int]:
        """Return the present mapping of (job id, token) to thread id."""
        with self._lock:
            return dict(self._held)

    def wait_for_slot(self, seconds: float) -> bool:
        """Wait until a slot is free; False when it took longer than `seconds`."""
        with self._freed:
            return self._freed.wait_for(lambda: self._busy < self.threads, seconds)

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until no thread holds a job or is about to; False when it took longer than `seconds`."""
        with self._freed:
            return self._freed.wait_for(lambda: self._busy == 0, seconds)
