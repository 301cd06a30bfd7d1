"""A program that holds a data directory, as `main.py run` does, for tests that kill it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from core.local.embedded import Services, embedded

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Hold the directory named on the command line until a signal comes."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a program that a shell started with & ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), embedded(Path(sys.argv[1])) as services:
        sys.stdout.write(f"{services.database_url} {services.redis_url}\n")
        sys.stdout.flush()
        while True:
            time.sleep(0.1)  # and no pause(), which a signal that comes just before it does not end


@contextmanager
def a_holder(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Start such a program in a process group of its own; at the end, end its remaining processes and its servers."""
    command = [sys.executable, "-m", "tests.holding", str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0) as program:
        try:
            yield program
        finally:
            program.kill()
            program.wait()
            _end(servers_of(data_dir))


def _end(servers: list[psutil.Process]) -> None:
    """End servers in good order if they can: a killed PostgreSQL leaves its shared memory behind."""
    for server in servers:
        with suppress(psutil.Error):
            server.send_signal(signal.SIGINT)
    _, stuck = psutil.wait_procs(servers, timeout=5)
    for server in stuck:
        with suppress(psutil.Error):
            server.kill()


def services_of(program: subprocess.Popen[str]) -> Services:
    """Wait until such a program has its servers, and return where they are."""
    assert program.stdout is not None
    return Services(*program.stdout.readline().split())


def servers_of(data_dir: Path) -> list[psutil.Process]:
    """Return every server process that works in this data directory."""
    return [process for process in psutil.process_iter() if _works_in(process, str(data_dir))]


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        is_server = process.name().startswith(("postgres", "valkey", "initdb"))
        return is_server and (folder in process.cwd() or folder in " ".join(process.cmdline()))
    except psutil.Error:
        return False


if __name__ == "__main__":
    main()
