"""Logs: events with fields, for people on a terminal and as JSON lines elsewhere."""

import logging
import re
import sys
import tempfile
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog


def set_up(*, level: int = logging.INFO) -> None:
    """Send the log of the whole process to standard error; a terminal gets colours, everything else JSON."""
    _leave_out_what_is_not_told()
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        # Tracebacks as plain text: structlog's coloured ones show the values of variables, and those may be secret.
        [structlog.processors.format_exc_info, printable, structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("core", "tasks", "ui", "migrations", "main"):
        logging.getLogger(name).setLevel(level)
    # Dramatiq tells at length of every reconnect; what it means for us is told by tasks.
    logging.getLogger("dramatiq").setLevel(logging.CRITICAL)


def printable(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write control characters out, as \\x1b: what strangers sent must not steer the terminal of who reads the log."""
    return {name: escape_control_characters(str(value)) for name, value in event.items()}


def escape_control_characters(words: str) -> str:
    """Return words with their control characters written out."""
    return _CONTROL.sub(_written_out, words)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


#: All but line feed and tab; half characters too, which no terminal can be given, and what turns the writing round.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _leave_out_what_is_not_told() -> None:
    """Spare each record the looking up of thread, process and line, as logging's documentation advises."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - so its documentation says


def write_crash_report(error: BaseException) -> Path:
    """Write an unexpected error in full into a file of its own, and return where it is."""
    with tempfile.NamedTemporaryFile("w", prefix="unstuck-error-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    return Path(file.name)
