"""Logs: events with fields, for people on a terminal and as JSON lines elsewhere."""

import logging
import re
import sys
import tempfile
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from core.left_out import left_out
from core.outages import OncePerOutage
from core.wording import INVISIBLE

with left_out("rich"):  # for coloured tracebacks, which are not used: see below
    import structlog

#: Reports of unexpected errors that are kept; the oldest go first.
MOST_REPORTS = 50
_REPORT = "unstuck-error-"


def set_up(level: str = "info") -> None:
    """Send the log of the whole process to standard error: in colour to a terminal, else as JSON.

    `level` is debug, info, warning or error; at debug, an outage is not reduced to two lines.
    """
    _skip_unused_fields()
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        # Tracebacks as plain text: structlog's coloured ones show values of variables, which may be secret.
        [structlog.processors.format_exc_info, printable, structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    least = logging.getLevelNamesMapping()[level.upper()]
    if least > logging.DEBUG:
        handler.addFilter(OncePerOutage())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.WARNING))
    for name in ("core", "tasks", "ui", "migrations", "main", "dramatiq"):
        logging.getLogger(name).setLevel(least)


def printable(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters, as \\x1b: text from outside must not control the reader's terminal."""
    return {name: escape_control_characters(str(value)) for name, value in event.items()}


def escape_control_characters(text: str) -> str:
    """Return text with its control characters escaped."""
    return _CONTROL.sub(_escaped, text)


def on_one_line(text: str) -> str:
    """Return text with its control characters escaped, line breaks and tabs too: it forges no further line."""
    return escape_control_characters(text).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


#: All but line feed and tab; also line separators, surrogates, which cannot be printed, and invisible marks.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|" + INVISIBLE)


def _skip_unused_fields() -> None:
    """Do not look up thread, process and line for each record, as logging's documentation advises."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - so its documentation says


def write_crash_report(error: BaseException, folder: Path) -> Path:
    """Write an unexpected error with its traceback to a file in `folder`, delete the oldest ones, and return its path.

    A folder that cannot be written, perhaps the error's cause, is replaced by the system's folder for temporary files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _write_report(error, folder)
        reports = sorted(folder.glob(f"{_REPORT}*.txt"), key=lambda report: report.stat().st_mtime_ns)
        for old in reports[:-MOST_REPORTS]:
            old.unlink(missing_ok=True)
    except OSError:
        return _write_report(error, None)
    return path


def _write_report(error: BaseException, folder: Path | None) -> Path:
    with tempfile.NamedTemporaryFile("w", prefix=_REPORT, suffix=".txt", dir=folder, delete=False) as file:
        traceback.print_exception(error, file=file)
    return Path(file.name)
