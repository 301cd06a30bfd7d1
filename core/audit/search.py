"""The audit log as people read it: who did what to whom, when, why, and what it was before and after.

What the engine does by itself is not in it; a job's own page tells that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from core.database.truncate import truncated
from core.errors import Invalid
from core.models import Event, User
from core.models.event import IS_AUDIT
from core.redact import redacted

#: The most lines of one page.
MOST: Final = 200
#: A list is counted up to here; beyond, it only matters that it is long.
COUNTED: Final = 1_000
#: Users that the beginning of an e-mail address may stand for.
MEANT: Final = 50

Change = tuple[str | None, str | None, str | None]


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


#: PostgreSQL stores no NUL, so none can be looked for.
_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=320, pattern=r"^[^\x00]*$")]
_Words = Annotated[_Text | None, BeforeValidator(_blank_is_none)]
_Time = Annotated[AwareDatetime | None, BeforeValidator(_blank_is_none)]


class AuditFilter(BaseModel):
    """What the audit log is narrowed to; every field that is set must fit. An empty one means all of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Part of how the actor was called, in any case.
    who: _Words = None
    #: What happened, as a family (queue) or by its whole name (queue.paused).
    what: _Words = None
    #: To whom: a user's id, or how their e-mail address begins.
    user: _Words = None
    since: _Time = None
    until: _Time = None
    #: Words of the reason, in any case.
    q: _Words = None

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> Self:
        """Read a filter from URL query parameters. Raises Invalid, naming each field that does not fit."""
        try:
            return cls.model_validate(dict(params))
        except ValidationError as error:
            fields = {str(e["loc"][0]) if e["loc"] else "filter": e["msg"] for e in error.errors()}
            told = "; ".join(f"{name}: {message}" for name, message in fields.items())
            raise Invalid(f"The filter does not fit: {told}.", fields) from None

    def to_params(self) -> dict[str, str]:
        """Return the URL query parameters that `from_params` reads back as an equal filter."""
        return {n: v.isoformat() if isinstance(v, datetime) else str(v) for n, v in self if v is not None}

    def but(self, **changes: Any) -> Self:
        """Return the same filter with some fields replaced."""
        return self.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One thing that somebody did, with nothing secret in it; `data` is the rest of what was recorded."""

    id: int
    at: datetime
    who: str
    who_id: UUID | None
    via: str
    what: str
    user_id: UUID | None
    user_email: str | None
    connection_id: UUID | None
    job_id: UUID | None
    reason: str | None
    was: Any
    now: Any
    data: dict[str, Any]

    @property
    def changes(self) -> list[Change]:
        """What changed, as field (None: the whole thing), before and after; fields that stayed are left out."""
        was, now = self.was, self.now
        if not isinstance(was, dict) and not isinstance(now, dict):
            return [(None, _word(was), _word(now))] if was != now else []
        before, after = was if isinstance(was, dict) else {}, now if isinstance(now, dict) else {}
        names = [*before, *(name for name in after if name not in before)]
        pairs = ((name, before.get(name), after.get(name)) for name in names)
        return [(name, _word(old), _word(new)) for name, old, new in pairs if old != new]


@dataclass(frozen=True, slots=True)
class AuditResults:
    """Some lines, newest first; `next` is where the older ones begin, None: there are none."""

    lines: list[AuditLine]
    next: int | None


def find_events(session: Session, wanted: AuditFilter, *, limit: int = 50, before: int | None = None) -> AuditResults:
    """Return a page of the audit log, newest first: what is older than the event with the id `before`."""
    older = [] if before is None else [col(Event.id) < before]
    fits = select(Event.id).where(*_conditions(session, wanted), *older).order_by(col(Event.id).desc()).limit(limit + 1)
    line = truncated(Event)
    query = select(line, User.email).join(User, col(User.id) == col(line.user_id), isouter=True)
    found = session.exec(query.where(col(line.id).in_(fits)).order_by(col(line.id).desc())).all()
    lines = [_line(event, email) for event, email in found[:limit]]
    session.expunge_all()
    return AuditResults(lines, lines[-1].id if len(found) > limit else None)


def count(session: Session, wanted: AuditFilter) -> int:
    """Return how many lines there are, up to one more than COUNTED."""
    some = select(Event.id).where(*_conditions(session, wanted)).limit(COUNTED + 1).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _conditions(session: Session, wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    yield sa.text(IS_AUDIT.replace("via", "events.via"))  # type: ignore[misc] # a text is a condition too
    if wanted.who:
        yield func.lower(col(Event.actor)).contains(wanted.who.lower(), autoescape=True)
    if wanted.what:
        name = col(Event.name)
        yield sa.or_(name == wanted.what, name.startswith(wanted.what + ".", autoescape=True))
    if wanted.user:
        yield col(Event.user_id).in_(_users(session, wanted.user))
    if wanted.since:
        yield col(Event.at) >= wanted.since
    if wanted.until:
        yield col(Event.at) < wanted.until
    if wanted.q:
        yield func.lower(col(Event.reason)).contains(wanted.q.lower(), autoescape=True)


def _users(session: Session, words: str) -> list[UUID]:
    try:
        return [UUID(words)]
    except ValueError:
        begins = func.lower(col(User.email)).startswith(words.lower(), autoescape=True)
        return list(session.exec(select(User.id).where(begins).limit(MEANT)))


def _line(event: Event, email: str | None) -> AuditLine:
    data = redacted(event.data)
    was, now = data.pop("was", None), data.pop("now", None)
    return AuditLine(
        id=event.id or 0,
        at=event.at,
        who=event.actor,
        who_id=event.actor_id,
        via=event.via,
        what=event.name,
        user_id=event.user_id,
        user_email=email,
        connection_id=event.connection_id,
        job_id=event.job_id,
        reason=event.reason,
        was=was,
        now=now,
        data=data,
    )


def _word(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value in (None, "", {}, []) else str(value)
