"""Changing the secret: provider tokens of a former key are encrypted anew with the present one.

To change it: put the new secret into UNSTUCK_SECRET_KEY and the former one into UNSTUCK_PREVIOUS_SECRET_KEYS of every
process, restart them, rotate. The former secret stays among the previous ones: the audit log's seals up to then were
made with it, and are verified with it; seals are append-only and are not made anew.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, Row, text

from core import audit
from core.actor import Actor
from core.db import session_scope
from core.errors import Unusable
from core.oauth.tokens import TokenCipher
from core.settings import settings

#: Rows of one transaction: what is done stays done, and nobody waits long for a connection that is being rewritten.
BATCH: Final = 500

_PAGE = text("""
    SELECT id, access_token, refresh_token FROM platform_connections
    WHERE id > :after AND (NOT starts_with(access_token, :current) OR NOT starts_with(refresh_token, :current))
    ORDER BY id LIMIT :batch FOR UPDATE
""")
_WRITE = text("UPDATE platform_connections SET access_token = :access, refresh_token = :refresh WHERE id = :id")


@dataclass(slots=True)
class Rotated:
    """What a rotation did; `unreadable` tells why of each connection whose tokens no known key opens."""

    key: str
    connections: int = 0
    unreadable: dict[UUID, str] = field(default_factory=dict)


def token_cipher() -> TokenCipher:
    """Return the cipher that the settings give. Raises Unusable without a secret."""
    return TokenCipher(settings().secret_key or "", settings().previous_keys)


def rotate(engine: Engine, cipher: TokenCipher, actor: Actor, *, batch: int = BATCH) -> Rotated:
    """Encrypt every provider token with the present key, in batches; again does nothing, and after a break the rest."""
    done = Rotated(cipher.current)
    after: UUID | None = UUID(int=0)
    while after is not None:
        after = _rotate_batch(engine, cipher, done, after, batch)
    if done.connections:
        with session_scope(engine) as session:
            audit.record(session, actor, "keys.rotated", connections=done.connections, now=done.key)
    return done


def _rotate_batch(engine: Engine, cipher: TokenCipher, done: Rotated, after: UUID, batch: int) -> UUID | None:
    """Rotate the connections that come next, and return the last one's id, or None when there are no more."""
    with session_scope(engine) as session:
        rows = list(session.connection().execute(_PAGE, {"after": after, "current": cipher.prefix, "batch": batch}))
        if written := [new for row in rows if (new := _anew(cipher, row, done))]:
            session.connection().execute(_WRITE, written)
    done.connections += len(written)
    return rows[-1].id if len(rows) == batch else None


def _anew(cipher: TokenCipher, row: Row[Any], done: Rotated) -> dict[str, Any] | None:
    try:
        access, refresh = (cipher.rotate(t) if t is not None else None for t in (row.access_token, row.refresh_token))
    except Unusable as problem:
        done.unreadable[row.id] = str(problem)
        return None
    return {"id": row.id, "access": access, "refresh": refresh}
