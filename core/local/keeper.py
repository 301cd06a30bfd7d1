"""Keeps the embedded servers running: one that died is started again, after a pause that grows while it fails."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.errors import Unusable
from core.local.server import Server, is_alive, stop_all

log = logging.getLogger(__name__)

#: Seconds between two looks at the servers.
LOOK_EVERY = 0.5
#: Seconds before a server is started again; doubles while it fails or ends at once, up to the most.
PAUSE = 0.5
MOST_PAUSE = 30.0
#: A server that ran this long was well: the next pause is short again.
WELL = 60.0


@dataclass(eq=False)
class KeptServer:
    """One server: how it is started again, and its process in `running`."""

    name: str
    start_again: Callable[[list[Server]], str]
    running: list[Server] = field(default_factory=list)
    pause: float = PAUSE
    not_before: float = 0.0
    began: float = 0.0
    #: Why it did not start; empty after a start.
    problem: str = ""

    @property
    def is_up(self) -> bool:
        """Whether its process lives."""
        return bool(self.running) and is_alive(self.running[0].process)


class Keeper:
    """A thread that looks at the servers until it is stopped."""

    def __init__(self, kept: Sequence[KeptServer]) -> None:
        self._kept = kept
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        for each in self._kept:
            each.began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, and stop all servers, also one that is being started at this moment."""
        self._stopping.set()
        while self._thread.is_alive():
            self._stop_servers()
            self._thread.join(0.1)
        self._stop_servers()

    def _stop_servers(self) -> None:
        stop_all([server for each in self._kept for server in each.running])

    def _keep(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            for each in self._kept:
                if not each.is_up and time.monotonic() >= each.not_before and not self._stopping.is_set():
                    self._start(each)

    def _start(self, each: KeptServer) -> None:
        if not each.problem:
            log.error("embedded server ended, starting it again", extra={"server": each.name})
            if time.monotonic() - each.began > WELL:
                each.pause = PAUSE
        stop_all(each.running)  # reaps the dead process
        each.running.clear()
        try:
            each.start_again(each.running)
        except (Unusable, OSError) as error:
            if str(error) != each.problem and not self._stopping.is_set():
                log.error("embedded server does not start", extra={"server": each.name, "error": str(error)})  # noqa: TRY400 - a sentence says it
            each.problem = str(error)
        else:
            log.warning("embedded server runs again", extra={"server": each.name})
            each.problem = ""
        each.began = time.monotonic()
        each.not_before = each.began + each.pause
        each.pause = min(MOST_PAUSE, each.pause * 2)
