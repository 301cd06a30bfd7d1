"""What people did that can be taken back: each such change has an inverse, until the same thing is changed again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.audit.search import AuditLine, line_of
from core.models import BackgroundJob, Event, JobKind, Role, User
from core.models.event import IS_AUDIT

#: Newer entries that are looked at; what lies further back cannot be taken back.
MOST: Final = 2_000
_LIMITS: Final = ("max_running", "max_per_worker", "rate_count", "rate_seconds")


@dataclass(frozen=True, slots=True)
class Inverse:
    """The command that takes a change back."""

    command: str
    target: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    #: Whether the thing is still as the entry has left it, which others cannot change from then on; by default, the
    #: command itself refuses where it is not.
    still_stands: Callable[[Session], bool] = field(default=lambda _: True, compare=False)


def _by_name(command: str) -> Callable[[AuditLine], Inverse | None]:
    return lambda line: Inverse(command, None, {"name": line.data["name"]}) if line.data.get("name") else None


def _on_user(command: str) -> Callable[[AuditLine], Inverse | None]:
    return lambda line: Inverse(command, line.user_id) if line.user_id else None


def _on_schedule(command: str) -> Callable[[AuditLine], Inverse | None]:
    return lambda line: Inverse(command, UUID(line.data["schedule"])) if line.data.get("schedule") else None


def _resume_worker(line: AuditLine) -> Inverse:
    return Inverse("worker.resume", UUID(line.data["worker"]["id"]))


def _limit_as_before(line: AuditLine) -> Inverse:
    before = {name: line.was[name] for name in _LIMITS}
    if any(not isinstance(value, int | None) or isinstance(value, bool) for value in before.values()):
        raise ValueError
    name = str(line.data["name"])
    return Inverse("kind.limit", None, {**before, "name": name}, partial(_has_limits, name, line.now))


def _role_as_before(line: AuditLine) -> Inverse | None:
    stands = partial(_has_role, line.user_id, line.now)
    is_role = line.user_id and line.was in list(Role)
    return Inverse("operator.role", line.user_id, {"role": line.was}, stands) if is_role else None


def _reopen(line: AuditLine) -> Inverse | None:
    was_open = line.was in ("open", "regression")
    return Inverse("failure.reopen", None, {"fingerprint": line.data["fingerprint"]}) if was_open else None


def _time_as_before(line: AuditLine) -> Inverse | None:
    stands = partial(_is_due, line.job_id, datetime.fromisoformat(line.now))
    is_ahead = line.job_id and datetime.fromisoformat(line.was) > clock.now()
    return Inverse("job.reschedule", line.job_id, {"at": line.was}, stands) if is_ahead else None


def _has_limits(kind: str, limits: object, session: Session) -> bool:
    row = session.get(JobKind, kind, with_for_update=True, populate_existing=True)
    return row is not None and {name: getattr(row, name) for name in _LIMITS} == limits


def _has_role(user_id: UUID | None, role: object, session: Session) -> bool:
    row = session.get(User, user_id, with_for_update=True, populate_existing=True)
    return row is not None and row.disabled_at is None and row.role == role


def _is_due(job_id: UUID | None, at: datetime, session: Session) -> bool:
    row = session.get(BackgroundJob, job_id, populate_existing=True)
    return row is not None and row.run_at == at


#: By what was done: what takes it back, and what else changes the same. A new inverse is a line in both.
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
_SAME: Final = {
    "queue": ("queue.paused", "queue.resumed"),
    "kind": ("kind.paused", "kind.resumed"),
    "limits": ("kind.limited",),
    "schedule": ("schedule.paused", "schedule.resumed", "schedule.removed"),
    "worker": ("worker.quieted", "worker.resumed", "worker.stop_requested"),
    "access": ("operator.added", "operator.disabled", "operator.enabled", "operator.role_changed"),
    "failure": ("failure.ignored", "failure.resolved", "failure.reopened"),
    "job": ("job.rescheduled", "job.brought_forward", "job.cancelled"),
}
_FACETS: Final = {event: facet for facet, events in _SAME.items() for event in events}


def entry_to_undo(session: Session, actor: Actor, may: Callable[[Actor, str], bool]) -> int | None:
    """Return the entry of this transaction whose inverse this actor `may` run; None: there is none."""
    own = col(Event.txid) == sa.text("(pg_current_xact_id()::text)::bigint")
    written = session.exec(select(Event).where(sa.text(IS_AUDIT), own).order_by(col(Event.id).desc()))
    inverses = ((event.id, inverse_of(line_of(event, None))) for event in written)
    return next((number for number, inverse in inverses if inverse and may(actor, inverse.command)), None)


def undoable(session: Session, lines: Iterable[AuditLine]) -> dict[int, Inverse]:
    """Return the inverse of each of these entries that can be taken back, by its id."""
    inverses = {line.id: inverse for line in lines if (inverse := inverse_of(line))}
    if not inverses:
        return {}
    newest = _newest(session, min(inverses))
    return {number: each for number, each in inverses.items() if newest.get(number) == number}


def changed_by(session: Session, line: AuditLine) -> int | None:
    """Return the newest entry about what an entry has changed: itself, or the one that has changed it since."""
    return _newest(session, line.id).get(line.id)


def _newest(session: Session, since: int) -> dict[int, int]:
    """Return, for each entry from this one on, the newest one about the same thing."""
    data, event = col(Event.data), Event
    which = sa.func.coalesce(data["worker"]["id"].astext, data["fingerprint"].astext, data["name"].astext)
    about = (col(event.id), col(event.name), which, col(event.job_id), col(event.user_id))
    newer = sa.select(*about).where(sa.text(IS_AUDIT), col(event.id) >= since, col(event.name).in_(sorted(_FACETS)))
    newest: dict[tuple[str, str], int] = {}
    rows = session.execute(newer.order_by(col(event.id).desc()).limit(MOST))
    return {row[0]: newest.setdefault((_FACETS[row[1]], str(row[2] or row[3] or row[4])), row[0]) for row in rows}


def inverse_of(line: AuditLine) -> Inverse | None:
    """Return what takes an entry back, if anything does."""
    make = _INVERSES.get(line.what)
    try:
        return make(line) if make else None
    except (AttributeError, KeyError, TypeError, ValueError):  # written by another release, or by hand
        return None
