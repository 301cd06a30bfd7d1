"""Which jobs this process holds, in which threads, and how many more it may take."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from core.jobs.claim import Claimed


class Registry:
    """The jobs in the hands of this process's threads; at most `threads` of them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(threads)
        self._held: dict[tuple[UUID, int], int] = {}
        self._empty = threading.Condition(self._lock)

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Take one of the process's slots for the time of the block; False: all are taken."""
        taken = self._slots.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                self._slots.release()

    @contextmanager
    def holding(self, held: Claimed) -> Iterator[None]:
        """Note that this thread works on a job for the time of the block."""
        key = (held.id, held.token)
        with self._lock:
            self._held[key] = threading.get_ident()
        try:
            yield
        finally:
            with self._empty:
                del self._held[key]
                self._empty.notify_all()

    def held(self) -> dict[tuple[UUID, int], int]:
        """Return (job id, token) -> thread id, as it is now."""
        with self._lock:
            return dict(self._held)

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until no job is held any more; False when it took longer than `seconds`."""
        with self._empty:
            return self._empty.wait_for(lambda: not self._held, seconds)
