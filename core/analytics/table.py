"""The figures as rows for files and terminals: a line each kind, queue or version, and one of all."""

from collections.abc import Iterator
from typing import Any, Final

from core.analytics.figures import Analytics, FiguresLine, JobFigures
from core.export import Format, written

_COUNTS: Final = ("finished", "succeeded", "failed", "cancelled", "lost", "success_percent")
_TIMES: Final = tuple(f"{what}_{share}_seconds" for what in ("wait", "run") for share in ("p50", "p95", "p99", "mean"))
_RETRIES: Final = ("retries", "retries_helped", "repeated", "repeated_helped")
_BEFORE: Final = ("before_finished", "before_success_percent", "before_wait_p95_seconds", "before_run_p95_seconds")
#: The columns of a file, after the one of what its lines are about.
COLUMNS: Final = ("name", "from", "to", *_COUNTS, *_TIMES, *_RETRIES, *_BEFORE)
#: What stands in place of a name.
ALL: Final = "(all)"
UNKNOWN: Final = "(no worker on record)"


def rows(found: Analytics) -> list[dict[str, Any]]:
    """Return a row per line, and one of all jobs."""
    lines = (*found.lines, FiguresLine(ALL, found.now, found.before))
    times = {"from": found.span.start, "to": found.span.stop}
    return [{"name": line.name or UNKNOWN, **times, **_now(line.now), **_before(line.before)} for line in lines]


def csv(found: Analytics) -> Iterator[str]:
    """Yield the rows as a CSV file."""
    return written(COLUMNS, [rows(found)], Format.CSV)


def _now(figures: JobFigures) -> dict[str, Any]:
    counts = {name: getattr(figures, name) for name in (*_COUNTS[:-1], *_RETRIES)}
    times = {
        f"{what}_{share}_seconds": _rounded(getattr(getattr(figures, what), share))
        for what in ("wait", "run")
        for share in ("p50", "p95", "p99", "mean")
    }
    return {**counts, "success_percent": _percent(figures.success), **times}


def _before(figures: JobFigures) -> dict[str, Any]:
    return {
        "before_finished": figures.finished,
        "before_success_percent": _percent(figures.success),
        "before_wait_p95_seconds": _rounded(figures.wait.p95),
        "before_run_p95_seconds": _rounded(figures.run.p95),
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _rounded(seconds: float | None) -> float | None:
    """Return a time as exactly as it is known: within five per cent."""
    return None if seconds is None else float(f"{seconds:.3g}")
