"""`main.py worker` in a process that was forked with the program loaded; only the interpreter's start is left out."""

import gc
import os
import sys
from collections.abc import Mapping

import main
import tasks.worker
from core.settings import settings
from tests.faults import kinds

assert tasks.worker, "a worker imports it when it starts"
gc.freeze()  # no process looks through the objects of all modules, which would copy them


def be(arguments: list[str], environment: Mapping[str, str], log: str, knows_kinds: bool) -> None:
    """Be the program, called with these arguments in this environment."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.clear()
    os.environ.update(environment)
    settings.cache_clear()
    sys.argv = ["main.py", *arguments]
    if knows_kinds:
        kinds.install()
    main.main()
