"""Processes of a measurement: started in sessions of their own, talked to line by line, ended with the block."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.place import ROOT

#: Seconds a process may take to end by itself.
PATIENCE = 10


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, python: str = sys.executable
) -> Iterator[subprocess.Popen[str]]:
    """Start `python command…` with pipes, its errors in `log`; end it and its children with the block."""
    with log.open("a") as errors, subprocess.Popen(
        [python, *command], cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=errors, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            _end(process)


@contextmanager
def several(
    number: int, command: Sequence[str], environment: Mapping[str, str], log: Path, python: str = sys.executable
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the same process several times."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(command, environment, log, python)) for _ in range(number)]


def say(process: subprocess.Popen[str], line: object) -> None:
    """Send a line to a process."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints; RuntimeError when it has ended."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError(f"{process.args!r} ended early")
    return line


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        until = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
