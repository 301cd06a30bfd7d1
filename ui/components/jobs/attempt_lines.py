"""The attempts of a job as bars: how long each waited and ran, where, and how it ended; an error that repeats, once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from core import clock
from core.job_list.rows import Detail
from core.models import AttemptOutcome, JobAttempt
from core.wording import counted, lasted
from ui import design
from ui.components.base.box import box, text
from ui.components.base.times import time_text
from ui.components.base.traceback_text import draw_traceback

_OUTCOMES: Final[Mapping[AttemptOutcome, str]] = {
    AttemptOutcome.RUNNING: design.RUN,
    AttemptOutcome.SUCCEEDED: design.OK,
    AttemptOutcome.ERROR: design.BAD,
    AttemptOutcome.LOST: design.BAD,
}


def draw_attempts(job_detail: Detail) -> None:
    """Draw the attempts of a job, newest first."""
    with box(tag="section"):
        text("Attempts", tag="h2")
        if not job_detail.attempts:
            text("No attempt yet.", "muted")
        spans = _spans(job_detail)
        longest = max((wait + run for wait, run in spans), default=0.0) or 1.0
        attempts = list(zip(job_detail.attempts, spans, _repeats(list(job_detail.attempts)), strict=True))
        for attempt, span, repeats in reversed(attempts):
            where = job_detail.workers.get(attempt.worker_id) if attempt.worker_id else ""
            _draw_attempt(attempt, span, longest, repeats, "a deleted worker" if where is None else where)


def _spans(job_detail: Detail) -> list[tuple[float, float]]:
    """Return the seconds that each attempt waited and ran; one before the window's first has an unknown end."""
    job, attempts, spans = job_detail.job, list(job_detail.attempts), []
    due: datetime | None = job.created_at if attempts and attempts[0].token <= 1 else None
    for attempt in attempts:
        wait = (attempt.started_at - due).total_seconds() if due else 0.0
        end = attempt.finished_at or (clock.now() if attempt.outcome is AttemptOutcome.RUNNING else attempt.started_at)
        spans.append((max(0.0, wait), max(0.0, (end - attempt.started_at).total_seconds())))
        due = attempt.finished_at
    return spans


def _repeats(attempts: Sequence[JobAttempt]) -> list[int]:
    """Return for each attempt how many in a row have its error up to it; 0: a later one has it again."""
    runs = [len(list(run)) for _, run in groupby(attempts, key=_error)]
    return [number for run in runs for number in (*[0] * (run - 1), run)]


def _error(attempt: JobAttempt) -> tuple[str | None, str | None, int]:
    """Return what makes two errors the same; attempts without one differ."""
    return attempt.error_type, attempt.error_message, 0 if attempt.error_type else attempt.token


def _draw_attempt(attempt: JobAttempt, span: tuple[float, float], longest: float, repeats: int, worker: str) -> None:
    with box("attempt"):
        outcome = str(attempt.outcome).replace("_", " ")
        text(f"{attempt.attempt}. {outcome}", f"state {_OUTCOMES.get(attempt.outcome, design.IDLE)}")
        text(worker, "muted clip")
        with box("hbox muted"):
            # The bar in words: first its hatched part, then the solid one.
            text(f"waited {lasted(timedelta(seconds=span[0]))} ·")
            if attempt.finished_at:
                text(f"ran {lasted(timedelta(seconds=span[1]))}")
            elif attempt.outcome is not AttemptOutcome.RUNNING:
                text("its end is not recorded")
            else:
                text("running")
                time_text(attempt.started_at, "elapsed")
        _draw_bar(attempt, span, longest)
        if attempt.error_type:
            _draw_error(attempt, repeats)


def _draw_bar(attempt: JobAttempt, span: tuple[float, float], longest: float) -> None:
    wait, run = (f"{100 * seconds / longest:.1f}%" for seconds in span)
    bar = box(f"attempt-bar {_OUTCOMES.get(attempt.outcome, design.IDLE)}").props("aria-hidden=true")
    bar.style(f"--wait: {wait}; --run: {run}")


def _draw_error(attempt: JobAttempt, repeats: int) -> None:
    with box("under"):
        if not repeats:
            text("The same error as in the next attempt.", "muted")
            return
        text(f"{attempt.error_type}: ", "strong")
        text(attempt.error_message or "")
        if repeats > 1:
            text(f" ×{repeats:,}", "strong").props(f'title="{counted(repeats, "attempt")} in a row"')
    if attempt.error_traceback:
        with box("under", "details"):
            text("Traceback", tag="summary")
            draw_traceback(attempt.error_traceback)
