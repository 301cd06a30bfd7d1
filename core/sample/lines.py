"""What happened, as rows: of jobs as COPY text, because there are many; of attempts and events as values."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from core.operations.demo import demo_mode, enable
from core.sample.shifts import Shifts
from core.sample.story import Happening

JOB_COLUMNS: Final = (
    "id, kind, queue, status, machine, came_from, user_id, args, progress_done, progress_total, progress_message, "
    "attempt, token, worker_id, run_at, error_type, error_message, error_traceback, error_fingerprint, result, "
    "retry_of, requested_by, reason, created_at, started_at, finished_at, updated_at, cancel_requested_at"
)
ATTEMPT_COLUMNS: Final = (
    "job_id, token, attempt, worker_id, started_at, finished_at, outcome, error_type, error_message, error_traceback"
)
EVENT_COLUMNS: Final = "at, name, actor_id, actor, via, user_id, job_id, reason, data"

NULL: Final = "\\N"
_OUTCOMES: Final = {"succeeded": "succeeded", "failed": "error", "cancelled": "cancelled"}
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})
_AGAIN: Final = "The demo service answered 503; it is overloaded or being deployed."


def job_line(one: Happening, shifts: Shifts) -> str:
    """Return a job as a line of COPY text."""
    created, finished = _stamp(one.created), _stamp(one.finished)
    started = _stamp(one.started) if one.started else NULL
    failed = one.error
    error = (
        f"{failed.type}\t{_text(failed.message)}\t{_text(failed.traceback)}\t{failed.fingerprint}" if failed else _NONE
    )
    by_staff = one.asked_by
    worker = _id(shifts.worker_at(one.started, one.id)) if one.started else NULL
    person = _id(one.person.id)
    requested_by = (by_staff.id or NULL) if by_staff else person
    return (
        f"{_id(one.id)}\t{one.kind}\t{enable.queue}\t{one.status}\t{demo_mode.name}\t{one.came_from}\t{person}\t"
        f"{_args(one)}\t{one.done}\t{one.total}\t{_progress(one)}\t{one.attempt}\t{one.attempt}\t{worker}\t{created}\t"
        f"{error}\t{_result(one)}\t{one.retry_of or NULL}\t{requested_by}\t{one.reason or NULL}\t{created}\t{started}\t"
        f"{finished}\t{finished}\t{finished if one.status == 'cancelled' else NULL}\n"
    )


_NONE: Final = "\t".join([NULL] * 4)


def attempts(one: Happening, shifts: Shifts) -> Iterator[tuple[object, ...]]:
    """Yield the job's attempts, first to last; all but the last ended in an error that passed."""
    for number, (began, ended) in enumerate(_spans(one), start=1):
        last = number == one.attempt
        outcome = _OUTCOMES[one.status] if last else "error"
        error: tuple[str | None, ...] = (None, None, None)
        if one.error:
            error = (one.error.type, one.error.message, one.error.traceback)
        elif not last:
            error = ("TryAgain", _AGAIN, None)
        worker = shifts.worker_at(began, one.id)
        yield (one.id, number, number, worker, _moment(began), _moment(ended), outcome, *error)


def events(one: Happening) -> Iterator[tuple[Any, ...]]:
    """Yield what was said about the job: by whom it was asked for, and how it went on."""
    asked: dict[str, Any] = {"kind": one.kind, "args": json.loads(_args(one))}
    if one.retry_of:
        asked["retry_of"] = str(one.retry_of)
    yield _event(one, one.created, "job.requested", asked, by_person=True)
    for number, (_, ended) in enumerate(list(_spans(one))[:-1], start=1):
        message = one.error.message if one.error else _AGAIN
        yield _event(one, ended, "job.retrying", {"attempt": number, "error": message}, by_person=False)
    details = {"error": one.error.message} if one.error else {}
    yield _event(one, one.finished, f"job.{one.status}", details, by_person=one.status == "cancelled")


def _event(one: Happening, at: float, name: str, data: dict[str, Any], *, by_person: bool) -> tuple[Any, ...]:
    actor: tuple[UUID | None, str, str] = (None, "engine", "engine")
    if by_person:
        staff = one.asked_by
        actor = (staff.id, staff.email, "console") if staff else (one.person.id, one.person.email, "api")
    reason = one.reason if by_person else None
    return (_moment(at), name, *actor, one.person.id, one.id, reason, json.dumps(data))


def _spans(one: Happening) -> Iterator[tuple[float, float]]:
    """Yield when each attempt began and ended; the pause before the next one doubles."""
    if one.started is None:
        return
    pauses = [5.0 * 2**number for number in range(one.attempt - 1)]
    worked = (one.finished - one.started - sum(pauses)) / one.attempt
    began = one.started
    for pause in [*pauses, 0.0]:
        yield began, began + worked
        began += worked + pause


def _args(one: Happening) -> str:
    return f'{{"preset": "{one.person.preset}"}}' if one.kind == enable.name else "{}"


def _result(one: Happening) -> str:
    if one.status != "succeeded":
        return NULL
    person = one.person
    if one.kind == enable.name:
        return (
            f'{{"preset": "{person.preset}", "interactions": {person.interactions}, '
            f'"connections": {person.connections}}}'
        )
    connections = person.connections if one.total else 0
    return f'{{"interactions_deleted": {one.total}, "connections_deleted": {connections}}}'


def _progress(one: Happening) -> str:
    if not one.total:
        return ""
    ending = " deleted" if one.kind != enable.name else ""
    return f"{one.done:,} of {one.total:,} interactions{ending}"


def _stamp(seconds: float) -> str:
    """Return a time as PostgreSQL reads it; a million of them, so the minute is written once for all in it."""
    minute = int(seconds // 60)
    return f"{_minute(minute)}{seconds - minute * 60:09.6f}+00"


@lru_cache(maxsize=64)
def _minute(minutes: int) -> str:
    return f"{_moment(minutes * 60):%Y-%m-%d %H:%M:}"


def _id(value: UUID) -> str:
    return f"{value.int:032x}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _text(text: str) -> str:
    return text.translate(_ESCAPES)
