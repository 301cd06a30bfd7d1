"""Sessions: starting, checking, listing and ending them; the audit log records each start and end."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Row
from sqlmodel import Session, col, delete, func, update

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.database.statements import Query, fetch
from core.database.window import Window, read_prepared, windowed
from core.errors import NotAllowed, NotFound
from core.models import PendingSignIn, SignInLink, User, UserSession
from core.settings import settings

#: Characters of a user agent that are stored.
AGENT_LIMIT: Final = 300
#: Sessions in a window of the list.
SHOWN: Final = 50
#: The first mark that a user agent contains decides; browsers also carry the marks of later entries, so order counts.
_BROWSERS: Final = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a sign-in comes from, for the list of sessions."""

    user_agent: str = ""
    ip: str = ""


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One open session, as its owner or an admin sees it."""

    id: UUID
    device: str
    ip: str
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool


def begin(session: Session, user: User, visitor: Visitor, via: str, how: str) -> str:
    """Begin a session and return its token, which is stored nowhere. `how` is password, link, code or provider."""
    token = secrets.token_urlsafe(32)
    row = UserSession(
        user_id=user.id,
        token_hash=hash_token(token),
        user_agent=visitor.user_agent[:AGENT_LIMIT],
        ip=visitor.ip,
        expires_at=clock.now() + timedelta(hours=settings().session_hours),
    )
    session.add(row)
    data: dict[str, Any] = {"how": how, "session": str(row.id), "device": device_of(row.user_agent), "ip": row.ip}
    record(session, Actor(user.id, user.email, user.role, via), "session.started", user_id=user.id, **data)
    bus.changed(session, user_id=user.id)
    return token


_MOMENTS: Final = ("soonest", "latest", "used_after", "used_before")
#: What `holds` looks at, and which session it is.
TIMES: Final = (
    *(col(each) for each in (UserSession.id, UserSession.expires_at, UserSession.last_seen_at, UserSession.revoked_at)),
    col(User.disabled_at),
)


def holds(row: Row[*tuple[Any, ...]]) -> bool:
    """Tell whether the session of a row with `TIMES` is valid: not ended, expired or idle, its person not disabled."""
    now = clock.now()
    (soonest, latest), (used_after, used_before) = _times(now)
    is_young = soonest < row.expires_at < latest and used_after < row.last_seen_at < used_before
    return is_young and not row.revoked_at and not row.disabled_at


def lines_of(session: Session, actor: Actor, user_id: UUID, start: int = 0, limit: int = SHOWN) -> Window[SessionLine]:
    """Return a person's open sessions: that of `actor`, then the others, last used first. Raises NotFound."""
    values = {"user_id": user_id, "current": actor.session_id, **moments()}
    rows: Window[UserSession] = read_prepared(session, _open_ones(), limit, start, **values)
    if not rows and not fetch(session, _person(), user_id=user_id):
        raise NotFound(f"There is no user with id {user_id}.")
    return rows.map(lambda row: _line(row, actor))


@cache
def _person() -> Query:
    return sa.select(col(User.id)).where(col(User.id) == sa.bindparam("user_id"))


@cache
def _open_ones() -> Query:
    own = sa.select(UserSession).where(col(UserSession.user_id) == sa.bindparam("user_id"), *still_open())
    # A token has none: = NULL, true of no row.
    is_current = func.coalesce(col(UserSession.id) == sa.bindparam("current", type_=sa.Uuid()), sa.false())
    return windowed(own.order_by(is_current.desc(), col(UserSession.last_seen_at).desc(), col(UserSession.id)))


def still_open() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for a session that is not ended, expired or idle, with `moments` as parameters."""
    at = {name: sa.bindparam(name, type_=sa.DateTime(timezone=True)) for name in _MOMENTS}
    is_young = (col(UserSession.expires_at) > at["soonest"], col(UserSession.expires_at) < at["latest"])
    is_used = (col(UserSession.last_seen_at) > at["used_after"], col(UserSession.last_seen_at) < at["used_before"])
    return col(UserSession.revoked_at).is_(None), *is_young, *is_used


def moments() -> dict[str, datetime]:
    """Return the parameters of `still_open` now."""
    ends, used = _times(clock.now())
    return dict(zip(_MOMENTS, (*ends, *used), strict=True))


def _times(now: datetime) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """Return between which moments an open session ends, and between which it was last used.

    Both have an upper bound: a clock that stood in the future must not leave sessions that never end.
    """
    idle = timedelta(minutes=settings().session_idle_minutes)
    return (now, now + timedelta(hours=settings().session_hours) + idle), (now - idle, now + idle)


def owner_of(session: Session, session_id: UUID) -> UUID | None:
    """Return the id of the session's owner, or None for an unknown session."""
    row = session.get(UserSession, session_id)
    return row.user_id if row else None


def end(session: Session, session_id: UUID, actor: Actor, how: str, reason: str | None = None) -> None:
    """End one session, on whatever device it is open. Raises NotFound, or NotAllowed when it has ended already."""
    row = session.get(UserSession, session_id)
    if row is None:
        raise NotFound(f"There is no session with id {session_id}.")
    if not _end(session, actor, row.user_id, how, reason, col(UserSession.id) == session_id):
        raise NotAllowed("This session has already ended.")


def end_all(
    session: Session, user_id: UUID, actor: Actor, how: str, reason: str | None = None, *, but: UUID | None = None
) -> int:
    """End a person's sessions, except `but`, and their unused sign-in links; return how many sessions ended."""
    links = (col(SignInLink.user_id) == user_id, col(SignInLink.used_at).is_(None))
    session.exec(update(SignInLink).where(*links).values(used_at=clock.db_now()))
    session.exec(delete(PendingSignIn).where(col(PendingSignIn.user_id) == user_id))
    others = (col(UserSession.id) != but,) if but else ()
    return _end(session, actor, user_id, how, reason, *others)


def device_of(user_agent: str) -> str:
    """Return the device of a user agent as its owner would call it: Firefox on Linux."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), None)
    if browser:
        return f"{browser} on {system}" if system else browser
    program = re.match(r"[\w.+-]{1,30}", user_agent)
    return program.group() if program else "Unknown device"


def hash_token(token: str) -> str:
    """Return the stored hash of a token; its 256 random bits need nothing slower than SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


def _end(
    session: Session, actor: Actor, user_id: UUID, how: str, reason: str | None, *which: ColumnElement[bool]
) -> int:
    open_ones = (col(UserSession.user_id) == user_id, col(UserSession.revoked_at).is_(None))
    stop = update(UserSession).where(*open_ones, *which).values(revoked_at=clock.db_now())
    ended = session.exec(stop.returning(col(UserSession.id), col(UserSession.user_agent))).all()
    for session_id, user_agent in ended:
        data: dict[str, Any] = {"how": how, "session": str(session_id), "device": device_of(user_agent)}
        record(session, actor, "session.ended", user_id=user_id, reason=reason, **data)
    bus.changed(session, user_id=user_id)
    return len(ended)


def _line(row: UserSession, actor: Actor) -> SessionLine:
    return SessionLine(
        id=row.id,
        device=device_of(row.user_agent),
        ip=row.ip,
        started_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        current=row.id == actor.session_id,
    )
