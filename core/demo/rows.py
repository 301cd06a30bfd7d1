"""Demo rows in the database: write, count and delete them. A user's own rows are never touched."""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from core.database.statements import Query, fetch
from core.demo.batch import Batch, Row
from core.models import Interaction, PlatformConnection


def write(session: Session, user_id: UUID, batch: Batch) -> None:
    """Insert a batch for a user, connections before the interactions that refer to them."""
    _insert(session, PlatformConnection, user_id, batch.connections)
    _insert(session, Interaction, user_id, batch.interactions)


def count_interactions(session: Session, user_id: UUID) -> int:
    """Return the number of a user's demo interactions."""
    return _count(session, Interaction, user_id)


def count_connections(session: Session, user_id: UUID) -> int:
    """Return the number of a user's demo connections."""
    return _count(session, PlatformConnection, user_id)


def has_any(session: Session, user_id: UUID) -> bool:
    """Tell whether a user has a demo interaction or a demo connection, whatever their state."""
    return bool(fetch(session, _existence(), user_id=user_id)[0][0])


def delete_interactions(session: Session, user_id: UUID, limit: int) -> int:
    """Delete up to `limit` of a user's demo interactions; return how many."""
    ids = sa.select(col(Interaction.id)).where(_demo(Interaction, user_id)).limit(limit)
    return session.exec(sa.delete(Interaction).where(col(Interaction.id).in_(ids))).rowcount


def delete_connections(session: Session, user_id: UUID) -> int:
    """Delete a user's demo connections; return how many."""
    return session.exec(sa.delete(PlatformConnection).where(_demo(PlatformConnection, user_id))).rowcount


def delete_all(session: Session, user_id: UUID) -> None:
    """Delete every demo row of a user."""
    session.exec(sa.delete(Interaction).where(_demo(Interaction, user_id)))
    delete_connections(session, user_id)


def _insert(session: Session, table: type[SQLModel], user_id: UUID, rows: Iterable[Row]) -> None:
    values: list[dict[str, Any]] = [{**row, "user_id": user_id} for row in rows]
    if values:
        session.connection().execute(sa.insert(table), values)


def _demo(
    table: type[Interaction | PlatformConnection], user_id: UUID | sa.BindParameter[UUID]
) -> sa.ColumnElement[bool]:
    return sa.and_(col(table.user_id) == user_id, col(table.is_demo))


def _count(session: Session, table: type[Interaction | PlatformConnection], user_id: UUID) -> int:
    return int(fetch(session, _number(table), user_id=user_id)[0][0])


@cache
def _existence() -> Query:
    tables: tuple[type[Interaction | PlatformConnection], ...] = (Interaction, PlatformConnection)
    parts = (sa.exists().where(_demo(table, sa.bindparam("user_id"))) for table in tables)
    return sa.select(sa.or_(*parts))


@cache
def _number(table: type[Interaction | PlatformConnection]) -> Query:
    return sa.select(sa.func.count()).select_from(table).where(_demo(table, sa.bindparam("user_id")))
