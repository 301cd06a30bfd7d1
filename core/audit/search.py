"""Search in the audit log: who changed what, for which user, when, why, and the values before and after.

It leaves out events of the engine itself; a job's own page shows those.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from core.audit.chain.checkpoint import read_checkpoint
from core.clock import ZonedTime
from core.database.text import begins_with, contains, tidy
from core.database.truncate import truncated
from core.errors import Invalid
from core.models import Event, User
from core.models.event import IS_AUDIT
from core.redact import redacted
from core.wording import plain_message, shortened

#: The maximum number of lines per page.
MOST: Final = 200
#: Lines are counted up to here; a longer list is just "long".
COUNTED: Final = 1_000
#: The maximum number of users that one e-mail prefix selects.
MEANT: Final = 50

Change = tuple[str | None, str | None, str | None]


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not tidy(value) and "\x00" not in value else value


#: PostgreSQL stores no NUL, so a search cannot contain one.
_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=320, pattern=r"^[^\x00]*$")]
_OptionalText = Annotated[_Text | None, BeforeValidator(_blank_is_none)]
_Time = Annotated[ZonedTime | None, BeforeValidator(_blank_is_none)]


def _name(place: tuple[int | str, ...]) -> str:
    return shortened(str(place[0])) if place else "filter"


class AuditFilter(BaseModel):
    """A filter on the audit log; every field that is set must match. An empty filter matches everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Part of the actor's name, in any case.
    who: _OptionalText = None
    #: The event's family (queue) or its full name (queue.paused).
    what: _OptionalText = None
    #: The affected user: their id, or the start of their e-mail address.
    user: _OptionalText = None
    since: _Time = None
    until: _Time = None
    #: Part of the reason, in any case.
    q: _OptionalText = None

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> Self:
        """Read a filter from URL query parameters. Raises Invalid, naming each invalid field."""
        try:
            return cls.model_validate(dict(params))
        except ValidationError as error:
            fields = {_name(e["loc"]): plain_message(e["msg"]) for e in error.errors()}
            problems = "; ".join(f"{name}: {message}" for name, message in fields.items())
            raise Invalid(f"Invalid filter: {problems}.", fields) from None

    def to_params(self) -> dict[str, str]:
        """Return URL query parameters from which `from_params` restores an equal filter."""
        return {n: v.isoformat() if isinstance(v, datetime) else str(v) for n, v in self if v is not None}

    def but(self, **changes: Any) -> Self:
        """Return a copy of the filter with some fields replaced."""
        return self.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One audit event without secrets; `data` holds its remaining fields."""

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
        """The changed fields as (field, before, after); the field is None when the event has a single state."""
        was, now = self.was, self.now
        if not isinstance(was, dict) and not isinstance(now, dict):
            return [(None, _text_of(was), _text_of(now))] if was != now else []
        before, after = was if isinstance(was, dict) else {}, now if isinstance(now, dict) else {}
        names = [*before, *(name for name in after if name not in before)]
        pairs = ((name, before.get(name), after.get(name)) for name in names)
        return [
            (name, _text_of(old_value), _text_of(new_value))
            for name, old_value, new_value in pairs
            if old_value != new_value
        ]


@dataclass(frozen=True, slots=True)
class AuditResults:
    """One page of lines, newest first; `next` is the id where older ones begin, None at the end.

    `archived_before`: what matches up to this moment may be in archive files; None if nothing there can match.
    """

    lines: list[AuditLine]
    next: int | None
    archived_before: datetime | None = None


def find_events(
    session: Session, audit_filter: AuditFilter, *, limit: int = 50, before: int | None = None
) -> AuditResults:
    """Return one page of the audit log, newest first, with events older than the event id `before`."""
    older = [] if before is None else [col(Event.id) < before]
    matching = (
        select(Event.id)
        .where(*_conditions(session, audit_filter), *older)
        .order_by(col(Event.id).desc())
        .limit(limit + 1)
    )
    line = truncated(Event)
    query = select(line, User.email).join(User, col(User.id) == col(line.user_id), isouter=True)
    rows = session.exec(query.where(col(line.id).in_(matching)).order_by(col(line.id).desc())).all()
    lines = [line_of(event, email) for event, email in rows[:limit]]
    session.expunge_all()
    return AuditResults(lines, lines[-1].id if len(rows) > limit else None, _archived_before(session, audit_filter))


def _archived_before(session: Session, audit_filter: AuditFilter) -> datetime | None:
    checkpoint = read_checkpoint(session)
    if checkpoint is None or (audit_filter.since and audit_filter.since > checkpoint.before):
        return None
    return checkpoint.before


def count(session: Session, audit_filter: AuditFilter) -> int:
    """Return the number of matching lines, up to COUNTED + 1."""
    matching = select(Event.id).where(*_conditions(session, audit_filter)).limit(COUNTED + 1).subquery()
    return session.exec(select(func.count()).select_from(matching)).one()


def _conditions(session: Session, audit_filter: AuditFilter) -> Iterator[ColumnElement[bool]]:
    yield sa.text(IS_AUDIT.replace("via", "events.via"))  # type: ignore[misc] # a text is a condition too
    if audit_filter.who:
        yield contains(col(Event.actor), audit_filter.who)
    if audit_filter.what:
        name = col(Event.name)
        yield sa.or_(name == audit_filter.what, name.startswith(audit_filter.what + ".", autoescape=True))
    if audit_filter.user:
        yield col(Event.user_id).in_(_users(session, audit_filter.user))
    if audit_filter.since:
        yield col(Event.at) >= audit_filter.since
    if audit_filter.until:
        yield col(Event.at) < audit_filter.until
    if audit_filter.q:
        yield contains(col(Event.reason), audit_filter.q)


def _users(session: Session, text: str) -> list[UUID]:
    try:
        return [UUID(text)]
    except ValueError:
        has_prefix = begins_with(col(User.email), text)
        return list(session.exec(select(User.id).where(has_prefix).limit(MEANT)))


def line_of(event: Event, email: str | None) -> AuditLine:
    """Return an event as the log shows it; `email`: the address of the user whom it is about."""
    data = redacted(event.details)
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


def _text_of(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value in (None, "", {}, []) else str(value)
