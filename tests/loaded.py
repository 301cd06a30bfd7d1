"""Processes made from one that has the program loaded: a start costs a few hundredths of its CPU instead of a second.

A process of the run has one such server, so its list of modules stands here and nowhere else.
"""

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from importlib import import_module

LOADED = multiprocessing.get_context("forkserver")
LOADED.set_forkserver_preload(["main", "tests.faults.forked", "tests.migrations.killed", "tests.ui.serving"])


class Forked:
    """A process from `LOADED`, with the moves of `subprocess.Popen` that tests make."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self._process = LOADED.Process(target=target, args=arguments)
        self._process.start()
        self.pid: int = self._process.pid or 0

    def poll(self) -> int | None:
        """Return the exit code; None while the process lives."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code."""
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)


def call_main(module: str, arguments: tuple[str, ...], environment: Mapping[str, str], log: str | None = None) -> None:
    """Be `python -m module` with these arguments, in the child; `log` is the file that gets its standard error."""
    if log:
        with open(log, "ab") as file:  # noqa: PTH123 - a child that has just begun imports nothing more
            os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    import_module(module).main(*arguments)
