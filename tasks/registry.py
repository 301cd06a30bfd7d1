"""The jobs that this process holds, the threads that work on them, and how many threads are busy."""

import ctypes
import threading
import time
from typing import Final
from uuid import UUID

from dramatiq.middleware.threading import raise_thread_exception

from core.jobs.claim import Claimed

#: Seconds until a job that goes on after an interruption gets another one: its thread leaves a job in less.
AGAIN: Final = 1.0
#: Seconds between two looks of a thread that leaves a job whether an interruption is under way.
LOOK: Final = 0.0005


class Registry:
    """The jobs that this process holds, each for one of its threads; at most `threads` of them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._busy = 0
        self._held: dict[tuple[UUID, int], int | None] = {}
        self._is_interrupting = False
        self._interrupted: dict[tuple[UUID, int], float] = {}
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
        """Note that this thread has done a job's work, while the process holds it until its ending is written.

        From here on nothing interrupts the thread. An interruption that lands in here is over: call this again.
        """
        # Without a lock: an interruption that lands as a lock was just acquired may leave it locked for ever.
        key = (held.id, held.token)
        if key in self._held:
            self._held[key] = None
        while self._is_interrupting:  # it may have looked before we noted this
            time.sleep(LOOK)
        _drop_interruption()

    def interrupt(self, key: tuple[UUID, int], error: type[BaseException]) -> bool:
        """Raise an error into the thread that works on a job; False: none does, or it was interrupted just now.

        Only the heartbeat calls this. A thread leaves its job either before this looks, or after the error was raised.
        """
        now = time.monotonic()
        self._is_interrupting = True
        try:
            thread = self._held.get(key)
            if thread is None or now - self._interrupted.get(key, -AGAIN) < AGAIN:
                return False
            self._interrupted[key] = now
            raise_thread_exception(thread, error)  # type: ignore[no-untyped-call]
        finally:
            self._is_interrupting = False
        return True

    def forget(self, held: Claimed) -> None:
        """Note that this process holds a job no more."""
        with self._lock:
            self._held.pop((held.id, held.token), None)
            self._interrupted.pop((held.id, held.token), None)

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


def _drop_interruption() -> None:
    """Forget an interruption of this thread that has not landed yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), ctypes.py_object())
