"""Connections of all creators as a list: filtered, newest first, without their tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col

from core.database.place import place_of, read_place
from core.database.statements import fetch
from core.database.truncate import truncate
from core.errors import NotFound
from core.models import ConnectionStatus, PlatformConnection, User
from core.people.addresses import has_address

#: Counting stops here.
CAP: Final = 10_000


@dataclass(frozen=True, slots=True)
class ConnectionFilter:
    """Which connections; None: any. `user` is an e-mail address or an id."""

    status: ConnectionStatus | None = None
    platform: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """One connection in a list."""

    id: UUID
    user_id: UUID
    user_email: str
    platform: str
    handle: str | None
    status: ConnectionStatus
    is_demo: bool
    #: Until when its access lasts, when the program refreshes it, and since when the platform has withdrawn it.
    access_until: datetime | None
    refresh_at: datetime | None
    withdrawn_at: datetime | None
    scopes: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Some lines of a list, where it goes on, and how many there are; not `exact`: at least so many."""

    items: list[ConnectionLine]
    next: str | None
    total: int
    exact: bool


def connection_page(session: Session, where: ConnectionFilter, limit: int, after: str | None = None) -> ConnectionPage:
    """Return connections, newest first, from below the place `after`. Raises Invalid."""
    row, conditions = PlatformConnection, _conditions(where)
    age = (col(row.created_at), col(row.id))
    below = [sa.tuple_(*age) < sa.tuple_(*read_place(after))] if after else []
    newest = _lines().where(*conditions, *below).order_by(*(each.desc() for each in age))
    lines = [ConnectionLine(*row) for row in fetch(session, newest.limit(limit + 1))]
    counted = sa.select(col(PlatformConnection.id)).where(*conditions).limit(CAP + 1).subquery()
    total = int(fetch(session, sa.select(sa.func.count()).select_from(counted))[0][0])
    items = lines[:limit]
    end = place_of(items[-1].created_at, items[-1].id) if len(lines) > limit else None
    return ConnectionPage(items, end, min(total, CAP), total <= CAP)


def connection_line(session: Session, connection_id: UUID) -> ConnectionLine:
    """Return one connection. Raises NotFound."""
    rows = fetch(session, _lines().where(col(PlatformConnection.id) == connection_id))
    if not rows:
        raise NotFound(f"There is no connection with id {connection_id}.")
    return ConnectionLine(*rows[0])


def _conditions(where: ConnectionFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if where.status:
        conditions.append(col(PlatformConnection.connection_status) == where.status)
    if where.platform:
        conditions.append(col(PlatformConnection.platform) == where.platform)
    if where.user:
        conditions.append(col(PlatformConnection.user_id).in_(_users(where.user)))
    return conditions


def _users(text: str) -> sa.Select[UUID]:
    try:
        is_this = col(User.id) == UUID(text.strip())
    except ValueError:
        is_this = has_address(text)
    return sa.select(col(User.id)).where(is_this)


def _lines() -> sa.Select[Any]:
    row = PlatformConnection
    shown = (row.platform, truncate(col(row.handle)), row.connection_status, row.is_demo)
    # Of access that has ended, the times that it would have had say nothing.
    is_off = sa.or_(col(row.connection_status) == ConnectionStatus.DISCONNECTED, col(row.withdrawn_at).is_not(None))
    access_until, refresh_at = (
        sa.case((is_off, None), else_=col(each)) for each in (row.token_expires_at, row.refresh_at)
    )
    times = (access_until, refresh_at, row.withdrawn_at)
    columns: tuple[Any, ...] = (row.id, row.user_id, User.email, *shown, *times)
    return sa.select(*columns, truncate(col(row.scopes)), col(row.created_at)).join(
        User, col(User.id) == col(row.user_id)
    )
