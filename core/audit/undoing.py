"""What people did that can be taken back: each such change has an inverse, until the same thing is changed again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core.audit.search import AuditLine, line_of
from core.database.truncate import IN_LIST, truncated
from core.models import Event
from core.models.event import IS_AUDIT

#: Newer entries that are looked at; what lies further back cannot be taken back.
MOST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Inverse:
    """The command that takes a change back."""

    command: str
    target: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


def _by_name(command: str) -> Callable[[AuditLine], Inverse | None]:
    return lambda line: Inverse(command, None, {"name": line.data["name"]}) if line.data.get("name") else None


def _on_user(command: str) -> Callable[[AuditLine], Inverse | None]:
    return lambda line: Inverse(command, line.user_id) if line.user_id else None


def _on_schedule(command: str) -> Callable[[AuditLine], Inverse | None]:
    return lambda line: Inverse(command, UUID(line.data["schedule"])) if line.data.get("schedule") else None


def _resume_worker(line: AuditLine) -> Inverse:
    return Inverse("worker.resume", UUID(line.data["worker"]["id"]))


def _limit_as_before(line: AuditLine) -> Inverse | None:
    return Inverse("kind.limit", None, {"name": line.data["name"], **line.was}) if isinstance(line.was, dict) else None


def _role_as_before(line: AuditLine) -> Inverse | None:
    is_role = line.user_id and line.was not in (None, "disabled")
    return Inverse("operator.role", line.user_id, {"role": line.was}) if is_role else None


def _reopen(line: AuditLine) -> Inverse | None:
    was_open = line.was in ("open", "regression")
    return Inverse("failure.reopen", None, {"fingerprint": line.data["fingerprint"]}) if was_open else None


def _time_as_before(line: AuditLine) -> Inverse | None:
    return Inverse("job.reschedule", line.job_id, {"at": line.was}) if line.job_id and line.was else None


#: By what was done. A new inverse is a line here.
_INVERSES: Final[Mapping[str, Callable[[AuditLine], Inverse | None]]] = {
    "queue.paused": _by_name("queue.resume"),
    "queue.resumed": _by_name("queue.pause"),
    "kind.paused": _by_name("kind.resume"),
    "kind.resumed": _by_name("kind.pause"),
    "kind.limited": _limit_as_before,
    "schedule.paused": _on_schedule("schedule.resume"),
    "schedule.resumed": _on_schedule("schedule.pause"),
    "worker.quieted": _resume_worker,
    "operator.disabled": _on_user("operator.enable"),
    "operator.enabled": _on_user("operator.disable"),
    "operator.role_changed": _role_as_before,
    "failure.ignored": _reopen,
    "failure.resolved": _reopen,
    "job.rescheduled": _time_as_before,
}


def undoable(session: Session, lines: Iterable[AuditLine]) -> dict[int, Inverse]:
    """Return the inverse of each of these entries that can be taken back, by its id."""
    inverses = {line.id: inverse for line in lines if (inverse := _inverse_of(line))}
    if not inverses:
        return {}
    newer = select(Event.id).where(sa.text(IS_AUDIT), col(Event.id) >= min(inverses)).order_by(col(Event.id).desc())
    newest: dict[tuple[str, str], int] = {}
    subjects = {}
    row = truncated(Event, IN_LIST)
    for event in session.exec(select(row).where(col(row.id).in_(newer.limit(MOST))).order_by(col(row.id).desc())):
        line = line_of(event, None)
        subjects[line.id] = _subject(line)
        newest.setdefault(_subject(line), line.id)
    return {number: each for number, each in inverses.items() if newest.get(subjects.get(number, ("", ""))) == number}


def _inverse_of(line: AuditLine) -> Inverse | None:
    make = _INVERSES.get(line.what)
    try:
        return make(line) if make else None
    except (KeyError, TypeError, ValueError):  # written by another release
        return None


def _subject(line: AuditLine) -> tuple[str, str]:
    """Return what an entry is about: its noun, and which one."""
    data, worker = line.data, line.data.get("worker")
    which = worker.get("id") if isinstance(worker, dict) else data.get("fingerprint") or data.get("name")
    return line.what.partition(".")[0], str(which or line.job_id or line.user_id)
