"""Starts worker processes as children and keeps them running; they end with the process that started them.

It sees a child end, and says so in the database: its jobs need not wait for the lease. A child that lives but is
presumed dead, such as one that is frozen, is killed, and another one takes its place.
"""

import logging
import math
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from core.database.engine import session_scope
from core.jobs import workers
from core.settings import settings
from tasks.loop import Loop
from tasks.sweeper import take_over

log = logging.getLogger(__name__)

#: Seconds before a worker that ended is started again; doubles while it ends at once, up to the most.
PAUSE = 0.5
MOST_PAUSE = 30.0
#: A worker that lived this long was well: the next start is quick again.
WELL = 30.0
#: Seconds between two looks whether a child is presumed dead.
LOOK = 1.0


class Supervisor:
    """`number` processes of `main.py worker`, each watched by a thread of its own."""

    def __init__(self, main: Path, number: int, threads: int, engine: Engine) -> None:
        self._engine = engine
        self._command = [sys.executable, str(main), "worker", "--threads", str(threads)]
        self._stopping = threading.Event()
        self._children: dict[UUID, subprocess.Popen[bytes]] = {}
        #: Children that have registered, and were not presumed dead when last looked at.
        self._alive: set[UUID] = set()
        self._pauses = dict.fromkeys(range(number), PAUSE)
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
        self._loops.append(Loop("watch over silence", self._look, lambda: LOOK, missed="silence not watched"))

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
        launch = uuid4()
        names = {"UNSTUCK_CHILD": str(os.getpid()), workers.LAUNCH: str(launch)}
        child = subprocess.Popen(  # noqa: S603 - our own program
            self._command, env={**os.environ, **names}, start_new_session=True
        )
        self._children[launch] = child
        if self._stopping.is_set():
            child.terminate()
        code = child.wait()
        self._alive.discard(launch)
        if self._stopping.is_set():
            return
        del self._children[launch]
        self._note_end(launch)
        if time.monotonic() - began > WELL:
            self._pauses[number] = PAUSE
        log.warning("worker ended, starting another", extra={"code": code, "pause": self._pauses[number]})

    def _note_end(self, launch: UUID) -> None:
        try:
            take_over(self._engine, launch)
        except SQLAlchemyError as error:
            log.warning("its jobs wait for the lease", extra={"launch": launch, "error": str(error).split("\n")[0]})

    def _look(self) -> None:
        """Kill children that are presumed dead."""
        for launch, child in list(self._children.items()):
            if child.poll() is None and self._is_silent(launch):
                log.warning("worker is silent, killing it", extra={"pid": child.pid})
                child.kill()

    def _is_silent(self, launch: UUID) -> bool:
        with session_scope(self._engine) as session:
            lost = workers.is_lost(session, launch)
        if lost is False:
            self._alive.add(launch)
        return bool(lost) and launch in self._alive
