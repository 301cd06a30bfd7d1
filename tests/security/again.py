"""Starts of `main.py` as a child of a process that has imported it already: it takes 0.2 s of CPU then, not 1.5."""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.loaded import LOADED

#: Seconds that a start may take.
PATIENCE = 90


@dataclass(frozen=True)
class Done:
    """How a start ended, and what it wrote to each stream."""

    returncode: int | None
    stdout: str
    stderr: str


def start(arguments: list[str], environment: dict[str, str]) -> Done:
    """Start `main.py` with these arguments and no other variables, and wait for its end."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdout", "stderr")]
        process = LOADED.Process(target=_become, args=(arguments, environment, streams))
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
        return Done(process.exitcode, *(stream.read_text(errors="surrogateescape") for stream in streams))


def _become(arguments: list[str], environment: dict[str, str], streams: list[Path]) -> None:
    """Be the program, in the child."""
    for number, stream in enumerate(streams, start=1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["main.py", *arguments]
    from main import main

    main()
