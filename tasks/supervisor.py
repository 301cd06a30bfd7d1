"""Starts worker processes as children and keeps them running; they end with the process that started them."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.settings import settings

log = logging.getLogger(__name__)

#: Seconds before a worker that ended is started again; doubles while it ends at once, up to the most.
PAUSE = 0.5
MOST_PAUSE = 30.0
#: A worker that lived this long was well: the next start is quick again.
WELL = 30.0


class Supervisor:
    """`workers` processes of `main.py worker`, each watched by a thread of its own."""

    def __init__(self, main: Path, workers: int, threads: int) -> None:
        self._command = [sys.executable, str(main), "worker", "--threads", str(threads)]
        self._stopping = threading.Event()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._threads = [threading.Thread(target=self._keep, args=(n,), daemon=True) for n in range(workers)]

    def start(self) -> None:
        """Start all workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask all workers to hand back and stop; end those that do not."""
        self._stopping.set()
        for child in list(self._children.values()):
            child.terminate()
        until = time.monotonic() + settings().grace_seconds + 5
        for child in list(self._children.values()):
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()

    def _keep(self, number: int) -> None:
        pause = PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            # A session of its own: Ctrl-C reaches the parent, which then asks the workers to stop.
            child = subprocess.Popen(  # noqa: S603 - our own program
                self._command, env={**os.environ, "UNSTUCK_CHILD": str(os.getpid())}, start_new_session=True
            )
            self._children[number] = child
            if self._stopping.is_set():
                child.terminate()
            code = child.wait()
            if self._stopping.is_set():
                return
            pause = PAUSE if time.monotonic() - began > WELL else min(MOST_PAUSE, pause * 2)
            log.warning("worker ended, starting another", extra={"code": code, "pause": pause})
            self._stopping.wait(pause)
