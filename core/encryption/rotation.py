"""Changing the secret: what is encrypted with a former key, provider tokens and second factors, gets the present one.

To change it: put the new secret into UNSTUCK_SECRET_KEY and the former one into UNSTUCK_PREVIOUS_SECRET_KEYS of every
process, restart them, rotate. The former secret stays among the previous ones: the audit log's seals up to then were
made with it, and are verified with it; seals are append-only and are not made anew.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, Row, TextClause, text

from core.actor import Actor
from core.audit.record import record
from core.database.engine import session_scope
from core.encryption.cipher import TokenCipher
from core.errors import Unusable
from core.settings import settings

#: Rows of one transaction: what is done stays done, and nobody waits long for a connection that is being rewritten.
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class _Place:
    """A table that holds encrypted columns, and its key."""

    table: str
    key: str
    columns: tuple[str, ...]

    @property
    def page(self) -> TextClause:
        """The statement that reads the next rows of a former key."""
        former = " OR ".join(f"NOT starts_with({column}, :current)" for column in self.columns)
        return text(
            f"SELECT {self.key} AS id, {', '.join(self.columns)} FROM {self.table} "  # noqa: S608 - our own names
            f"WHERE {self.key} > :after AND ({former}) ORDER BY {self.key} LIMIT :batch FOR UPDATE"
        )

    @property
    def write(self) -> TextClause:
        """The statement that writes one row anew."""
        columns = ", ".join(f"{column} = :{column}" for column in self.columns)
        return text(f"UPDATE {self.table} SET {columns} WHERE {self.key} = :id")  # noqa: S608 - our own names


_CONNECTIONS = _Place("platform_connections", "id", ("access_token", "refresh_token"))
_FACTORS = _Place("second_factors", "user_id", ("secret",))


@dataclass(slots=True)
class Rotated:
    """What a rotation did; `unreadable` tells why of each connection or person whose secrets no known key opens."""

    key: str
    connections: int = 0
    second_factors: int = 0
    unreadable: dict[UUID, str] = field(default_factory=dict)


def token_cipher() -> TokenCipher:
    """Return the cipher that the settings give. Raises Unusable without a secret."""
    return TokenCipher(settings().secret_key or "", settings().previous_keys)


def rotate(engine: Engine, cipher: TokenCipher, actor: Actor, *, batch: int = BATCH) -> Rotated:
    """Encrypt everything with the present key, in batches; again does nothing, and after a break the rest."""
    done = Rotated(cipher.current)
    done.connections = _rotate_all(engine, cipher, _CONNECTIONS, done, batch)
    done.second_factors = _rotate_all(engine, cipher, _FACTORS, done, batch)
    if done.connections or done.second_factors:
        told: dict[str, Any] = {"connections": done.connections, "second_factors": done.second_factors}
        with session_scope(engine) as session:
            record(session, actor, "keys.rotated", now=done.key, **told)
    return done


def _rotate_all(engine: Engine, cipher: TokenCipher, place: _Place, done: Rotated, batch: int) -> int:
    """Rotate one table, a batch in each transaction, and return how many rows were written."""
    after: UUID | None = UUID(int=0)
    number = 0
    while after is not None:
        with session_scope(engine) as session:
            wanted = {"after": after, "current": cipher.prefix, "batch": batch}
            rows = list(session.connection().execute(place.page, wanted))
            if written := [new for row in rows if (new := _anew(cipher, place, row, done))]:
                session.connection().execute(place.write, written)
        number += len(written)
        after = rows[-1].id if len(rows) == batch else None
    return number


def _anew(cipher: TokenCipher, place: _Place, row: Row[Any], done: Rotated) -> dict[str, Any] | None:
    held = {column: getattr(row, column) for column in place.columns}
    try:
        new = {column: secret if secret is None else cipher.rotate(secret) for column, secret in held.items()}
    except Unusable as problem:
        done.unreadable[row.id] = str(problem)
        return None
    return {"id": row.id, **new}
