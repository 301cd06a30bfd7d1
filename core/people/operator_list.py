"""The list of operators: role, access, second factor, open sessions and last activity of each one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func

from core import clock
from core.database.statements import Query, fetch
from core.database.truncate import IN_LIST, truncate, truncated
from core.database.window import USUAL, Window, bounds, cut, windowed
from core.errors import NotFound
from core.models import Event, Role, SecondFactor, SignInLink, User, UserSession
from core.people import sessions

#: Admins that a message to them names.
MOST_NAMED: Final = 5


class Access(StrEnum):
    """A person's access: active, invited (never signed in yet), or disabled."""

    ACTIVE = "active"
    INVITED = "invited"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """One person as shown to admins; `last_seen_at` comes from the sessions still stored."""

    id: UUID
    email: str
    name: str | None
    role: Role
    access: Access
    has_factor: bool
    sessions: int
    last_seen_at: datetime | None


def operator_lines(session: Session, start: int = 0, limit: int = USUAL) -> Window[OperatorLine]:
    """Return users with a role above member, including disabled ones, ordered by e-mail address."""
    rows = session.execute(_operators(), _moments() | bounds(limit, start)).all()
    return cut(rows, limit, start).map(lambda row: _line(*row))


def operator_line(session: Session, user_id: UUID) -> OperatorLine:
    """Return the line of one user. Raises NotFound."""
    row = session.execute(_one_person(), _moments() | {"user_id": user_id}).first()
    if row is None:
        raise NotFound(f"There is no user with id {user_id}.")
    return _line(*row)


def admin_names(session: Session) -> tuple[str, ...]:
    """Return the names of the first active admins, or their addresses, in the order of the addresses."""
    return tuple(name or email for name, email in fetch(session, _admins()))


@cache
def _admins() -> Query:
    names = sa.select(truncate(col(User.name)), truncate(col(User.email)))
    active = names.where(col(User.role) == Role.ADMIN, col(User.disabled_at).is_(None))
    return active.order_by(func.lower(col(User.email))).limit(MOST_NAMED)


@cache
def _operators() -> Query:
    person = truncated(User, IN_LIST)
    return windowed(_people(person).where(col(person.role) != Role.MEMBER).order_by(func.lower(person.email)))


@cache
def _one_person() -> Query:
    person = truncated(User, IN_LIST)
    return _people(person).where(col(person.id) == sa.bindparam("user_id"))


def _people(person: type[User]) -> Query:
    is_theirs = col(UserSession.user_id) == col(person.id)
    open_sessions = sa.select(func.count()).where(is_theirs, *sessions.still_open()).scalar_subquery()
    last_seen = sa.select(func.max(col(UserSession.last_seen_at))).where(is_theirs).scalar_subquery()
    return sa.select(person, _has_factor(person), open_sessions, last_seen, _is_awaited(person))


def _has_factor(person: type[User]) -> ColumnElement[bool]:
    confirmed = col(SecondFactor.confirmed_at).is_not(None)
    return sa.exists().where(col(SecondFactor.user_id) == col(person.id), confirmed)


def _is_awaited(person: type[User]) -> ColumnElement[bool]:
    """Return the condition for people who were added or have a link, and have not signed in since there are events."""

    def has_event(name: str) -> ColumnElement[bool]:
        return sa.exists().where(col(Event.user_id) == col(person.id), col(Event.name) == name)

    return sa.and_(sa.or_(_has_link(person), has_event("operator.added")), sa.not_(has_event("session.started")))


def _has_link(person: type[User]) -> ColumnElement[bool]:
    is_young = (col(SignInLink.expires_at) > _moment("now"), col(SignInLink.created_at) < _moment("soon"))
    return sa.exists().where(col(SignInLink.user_id) == col(person.id), col(SignInLink.used_at).is_(None), *is_young)


def _moment(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=sa.DateTime(timezone=True))


def _moments() -> dict[str, Any]:
    return {**sessions.moments(), "now": clock.now(), "soon": clock.now() + clock.SKEW}


def _line(user: User, has_factor: bool, open_sessions: int, last_seen: datetime | None, is_new: bool) -> OperatorLine:  # noqa: FBT001 - a row of the query
    never_signed_in = is_new and last_seen is None and user.hashed_password is None
    access = Access.DISABLED if user.disabled_at else Access.INVITED if never_signed_in else Access.ACTIVE
    return OperatorLine(user.id, user.email, user.name, user.role, access, has_factor, open_sessions, last_seen)
