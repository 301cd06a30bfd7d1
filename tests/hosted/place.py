"""What all servers of a hosted installation share: where their programs are, their logs, and their end."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "an-unguessable-one"
PLACES = "/usr/sbin:/usr/bin:/usr/local/bin"
#: Seconds that a start may take on a busy machine.
START = 90


def missing() -> str | None:
    """Return which Debian packages this machine lacks, as a sentence; None if none."""
    programs = {"pgbouncer": "pgbouncer", "redis-server": "redis-server", "nginx": "nginx", "openssl": "openssl"}
    packages = [package for name, package in programs.items() if shutil.which(name, path=PLACES) is None]
    packages += [] if any(Path("/usr/lib/postgresql").glob("*/bin")) else ["postgresql"]
    if packages:
        return f"Hosted use needs Debian's servers: apt-get install {' '.join(packages)}."
    return None if os.geteuid() == 0 else "Hosted use is tried as root, since the servers have users of their own."


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Servers:
    """The servers that were started; all of them end with the run, the last one first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def spawn(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a server whose lines go into a log with its name."""
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """End every server that still runs."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:  # as a primary that waits for its replica
                process.send_signal(signal.SIGQUIT)
                process.wait(30)


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Give a way to start servers, and end them all afterwards."""
    started = Servers(folder)
    try:
        yield started
    finally:
        started.stop()
