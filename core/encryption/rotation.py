"""Key rotation: provider tokens and second factors of a former key are encrypted again with the current key.

To rotate: set the new UNSTUCK_SECRET_KEY and add the former one to UNSTUCK_PREVIOUS_SECRET_KEYS for every process,
restart them, then rotate. Keep the former secret among the previous ones: older audit seals were made with it and need
it for verification; seals are append-only and are never rewritten.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, Row, TextClause, text

from core.actor import Actor
from core.audit.record import record
from core.database.engine import session_scope
from core.encryption.cipher import TokenCipher
from core.encryption.key_check import name_key
from core.errors import Unusable
from core.settings import settings

#: Rows per transaction: finished batches are kept, and row locks are short.
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class _Place:
    """A table that holds encrypted columns, and its key."""

    table: str
    key: str
    columns: tuple[str, ...]

    @property
    def page(self) -> TextClause:
        """The statement that reads the next rows encrypted with a former key."""
        former = " OR ".join(f"({column} <> '' AND NOT starts_with({column}, :current))" for column in self.columns)
        return text(
            f"SELECT {self.key} AS id, {', '.join(self.columns)} FROM {self.table} "  # noqa: S608 - our own names
            f"WHERE {self.key} > :after AND ({former}) ORDER BY {self.key} LIMIT :batch FOR UPDATE"
        )

    @property
    def write(self) -> TextClause:
        """The statement that updates one row."""
        columns = ", ".join(f"{column} = :{column}" for column in self.columns)
        return text(f"UPDATE {self.table} SET {columns} WHERE {self.key} = :id")  # noqa: S608 - our own names


_CONNECTIONS = _Place("platform_connections", "id", ("access_token", "refresh_token"))
_FACTORS = _Place("second_factors", "user_id", ("secret",))
_CONSENTS = _Place("consents", "id", ("verifier",))
_REVOCATIONS = _Place("token_revocations", "id", ("secret", "verifier"))


@dataclass(slots=True)
class Rotated:
    """The result of a rotation; `unreadable` has the reason for each row that no known key decrypts."""

    key: str
    connections: int = 0
    second_factors: int = 0
    revocations: int = 0
    unreadable: dict[UUID, str] = field(default_factory=dict)


def token_cipher() -> TokenCipher:
    """Return the cipher from the settings. Raises Unusable without a secret key."""
    return TokenCipher(settings().secret_key or "", settings().previous_keys)


def rotate(engine: Engine, cipher: TokenCipher, actor: Actor, *, batch: int = BATCH) -> Rotated:
    """Encrypt everything with the current key, in batches; a rerun continues where the last one stopped."""
    done = Rotated(cipher.current)
    done.connections = _rotate_all(engine, cipher, _CONNECTIONS, done, batch)
    done.second_factors = _rotate_all(engine, cipher, _FACTORS, done, batch)
    done.revocations = _rotate_all(engine, cipher, _REVOCATIONS, done, batch)
    _rotate_all(engine, cipher, _CONSENTS, done, batch)
    with session_scope(engine) as session:
        name_key(session, cipher)
    if done.connections or done.second_factors:
        counts: dict[str, Any] = {"connections": done.connections, "second_factors": done.second_factors}
        with session_scope(engine) as session:
            record(session, actor, "keys.rotated", now=done.key, **counts)
    return done


def _rotate_all(engine: Engine, cipher: TokenCipher, place: _Place, done: Rotated, batch: int) -> int:
    """Rotate one table, one batch per transaction, and return the number of rows written."""
    after: UUID | None = UUID(int=0)
    number = 0
    while after is not None:
        with session_scope(engine) as session:
            values = {"after": after, "current": cipher.prefix, "batch": batch}
            rows = list(session.connection().execute(place.page, values))
            if written := [row_values for row in rows if (row_values := _rotated(cipher, place, row, done))]:
                session.connection().execute(place.write, written)
        number += len(written)
        after = rows[-1].id if len(rows) == batch else None
    return number


def _rotated(cipher: TokenCipher, place: _Place, row: Row[Any], done: Rotated) -> dict[str, Any] | None:
    stored = {column: getattr(row, column) for column in place.columns}
    try:
        rotated = {column: cipher.rotate(secret) if secret else secret for column, secret in stored.items()}
    except Unusable as problem:
        done.unreadable[row.id] = str(problem)
        return None
    return {"id": row.id, **rotated}
