"""Starting and stopping a server that must survive a Ctrl-C, but not outlive the program that started it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from core.errors import Unusable
from core.local.account import Account

#: Seconds a server may take to come up, recovery after a power cut included, and to go down.
START_PATIENCE = 60
STOP_PATIENCE = 20
#: Seconds between two checks while waiting.
PAUSE = 0.01
#: A log longer than this starts afresh at the next start.
LOG_BYTES = 5_000_000
#: What a server needs to find programs, libraries and time zones.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TZ", "TZDIR")


@dataclass(frozen=True)
class Server:
    """A running server, started or taken over, and the signals that stop it, the gentlest first."""

    process: psutil.Process
    signals: Sequence[signal.Signals]


def wheel(name: str) -> Path:
    """Return the folder of an installed wheel without importing it: both wheels have side effects at import."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise Unusable(f"The package {name} is not installed; run make setup, or set DATABASE_URL and REDIS_URL.")
    return Path(spec.origin).parent


def spawn(command: Sequence[str | Path], log: Path, account: Account, cwd: Path = Path("/")) -> psutil.Popen:
    """Start a server in its own session: a terminal's Ctrl-C reaches this program alone, which stops the server."""
    fresh = log.exists() and log.stat().st_size > LOG_BYTES
    with log.open("wb" if fresh else "ab") as output:
        try:
            return psutil.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                cwd=cwd,
                env=environment(),
                **account.spawning(),
            )
        except OSError as error:
            raise Unusable(f"{command[0]} does not start on this machine: {error.strerror}.") from None


def environment() -> dict[str, str]:
    """Return the variables that a server gets: none with a secret, and none that would change it, such as PGDATA.

    SQL can read a server's environment: COPY … FROM PROGRAM 'env'.
    """
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"LC_ALL": "C"}


def wait_until(is_up: Callable[[], bool], process: psutil.Process, patience: float = START_PATIENCE) -> bool:
    """Wait until a server answers; return False if it ended or took longer than `patience` seconds."""
    until = time.monotonic() + patience
    while is_alive(process) and time.monotonic() < until:
        if is_up():
            return True
        time.sleep(PAUSE)
    return False


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_all(servers: Iterable[Server]) -> None:
    """Stop servers in parallel: all get the signal before the first is awaited, so a second Ctrl-C leaves none."""
    servers = list(servers)
    for server in servers:
        _send(server, server.signals[0])
    for server in servers:
        for harder in (*server.signals[1:], signal.SIGKILL):
            if _ended(server.process):
                break
            _send(server, harder)
        _ended(server.process)


def _send(server: Server, number: signal.Signals) -> None:
    """Send a signal; SIGKILL goes to the server's child processes too, which may not notice that it died."""
    with suppress(psutil.NoSuchProcess):
        parts = server.process.children(recursive=True) if number == signal.SIGKILL else []
        for process in (server.process, *parts):
            process.send_signal(number)


def _ended(process: psutil.Process) -> bool:
    until = time.monotonic() + STOP_PATIENCE
    while is_alive(process):
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    if isinstance(process, psutil.Popen):
        process.wait()
    return True
