"""The jobs that this process holds, the threads that work on them, and how many threads are busy."""

import threading
from uuid import UUID

from core.jobs.claim import Claimed


class Registry:
    """The jobs that this process holds, each for one of its threads; at most `threads` of them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._busy = 0
        self._held: dict[tuple[UUID, int], int | None] = {}
        self._freed = threading.Condition(self._lock)

    @property
    def busy(self) -> int:
        """How many threads have a job, or are about to."""
        return self._busy

    def set_busy(self, number: int) -> None:
        """Note how many threads have a job, or are about to."""
        with self._freed:
            self._busy = number
            if number < self.threads:  # who waits for a thread need not wake up to learn that there is none
                self._freed.notify_all()

    def take(self, held: Claimed) -> None:
        """Note that this thread works on a job."""
        with self._lock:
            self._held[held.id, held.token] = threading.get_ident()

    def let_go(self, held: Claimed) -> None:
        """Note that a job's thread has done its work, while the process holds it until its ending is written."""
        with self._lock:
            if (held.id, held.token) in self._held:
                self._held[held.id, held.token] = None

    def forget(self, held: Claimed) -> None:
        """Note that this process holds a job no more."""
        with self._lock:
            self._held.pop((held.id, held.token), None)

    def held(self) -> dict[tuple[UUID, int], int | None]:
        """Return the present mapping of (job id, token) to thread id; None: only its ending is to be written."""
        with self._lock:
            return dict(self._held)

    def wait_for_thread(self, seconds: float) -> bool:
        """Wait until a thread is free; False when it took longer than `seconds`."""
        with self._freed:
            return self._freed.wait_for(lambda: self._busy < self.threads, seconds)

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until no thread holds a job or is about to; False when it took longer than `seconds`."""
        with self._freed:
            return self._freed.wait_for(lambda: self._busy == 0, seconds)
