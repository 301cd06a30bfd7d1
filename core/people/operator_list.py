"""How somebody stands here: their role, whether they may come in, with which second factor, and where they are now."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select
from sqlmodel import Session, col, func

from core import clock
from core.database.truncate import IN_LIST, truncated
from core.errors import NotFound
from core.models import Role, SecondFactor, SignInLink, User, UserSession
from core.people import sessions


class Access(StrEnum):
    """Whether somebody may come in: yes, yes once they use their link, or no more."""

    ACTIVE = "active"
    INVITED = "invited"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """One person, as an admin sees them; `last_seen_at` is that of the sessions that are still kept."""

    id: UUID
    email: str
    name: str | None
    role: Role
    access: Access
    has_factor: bool
    sessions: int
    last_seen_at: datetime | None


def operator_lines(session: Session) -> list[OperatorLine]:
    """Return everybody with more than a member's role, disabled ones too, by e-mail address."""
    person = truncated(User, IN_LIST)
    everybody = _people(person).where(col(person.role) != Role.MEMBER).order_by(func.lower(person.email))
    return [_standing(*row) for row in session.execute(everybody)]


def operator_line(session: Session, user_id: UUID) -> OperatorLine:
    """Return how one person stands. Raises NotFound."""
    person = truncated(User, IN_LIST)
    row = session.execute(_people(person).where(col(person.id) == user_id)).first()
    if row is None:
        raise NotFound(f"There is no user with id {user_id}.")
    return _standing(*row)


def _people(person: type[User]) -> Select[tuple[User, bool, int, datetime | None, bool]]:
    mine = col(UserSession.user_id) == col(person.id)
    opened = sa.select(func.count()).where(mine, *sessions.still_open()).scalar_subquery()
    seen = sa.select(func.max(col(UserSession.last_seen_at))).where(mine).scalar_subquery()
    return sa.select(person, _has_factor(person), opened, seen, _has_link(person))


def _has_factor(person: type[User]) -> ColumnElement[bool]:
    confirmed = col(SecondFactor.confirmed_at).is_not(None)
    return sa.exists().where(col(SecondFactor.user_id) == col(person.id), confirmed)


def _has_link(person: type[User]) -> ColumnElement[bool]:
    waits = (col(SignInLink.used_at).is_(None), col(SignInLink.expires_at) > clock.now())
    return sa.exists().where(col(SignInLink.user_id) == col(person.id), *waits)


def _standing(user: User, has_factor: bool, opened: int, seen: datetime | None, has_link: bool) -> OperatorLine:  # noqa: FBT001 - a row of the query
    was_never_here = has_link and seen is None and user.hashed_password is None
    access = Access.DISABLED if user.disabled_at else Access.INVITED if was_never_here else Access.ACTIVE
    return OperatorLine(user.id, user.email, user.name, user.role, access, has_factor, opened, seen)
