"""Starts worker processes as children and keeps them running; they end with the process that started them."""

import logging
import math
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from core.settings import settings
from tasks.loop import Loop

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
        self._pauses = dict.fromkeys(range(workers), PAUSE)
        self._loops = [
            Loop(
                f"watch over worker {number + 1}",
                partial(self._keep, number),
                partial(self._pauses.__getitem__, number),
                missed="worker not started",
                at_once=True,
                every=math.inf,
            )
            for number in self._pauses
        ]

    def start(self) -> None:
        """Start all workers."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Ask all workers to release their jobs and stop; kill those that do not."""
        self._stopping.set()
        for loop in self._loops:
            loop.finish()
        for child in list(self._children.values()):
            child.terminate()
        until = time.monotonic() + settings().grace_seconds + 5
        for child in list(self._children.values()):
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()

    def _keep(self, number: int) -> None:
        """Start a worker and wait for its end."""
        pause = self._pauses[number]
        self._pauses[number] = min(MOST_PAUSE, pause * 2)
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
        if time.monotonic() - began > WELL:
            self._pauses[number] = PAUSE
        log.warning("worker ended, starting another", extra={"code": code, "pause": self._pauses[number]})
