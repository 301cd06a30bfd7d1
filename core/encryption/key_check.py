"""A database belongs to one secret key: a process that was given another one is refused before it does anything.

With a wrong key, provider tokens and second factors could not be read, and new ones would be lost to everyone else.
"""

from typing import Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from core.database.engine import NoConnection, session_scope
from core.database.failover import DatabaseReadOnly
from core.encryption.cipher import TokenCipher
from core.errors import Unusable
from core.wording import PROGRAM

_EXISTS: Final = text("SELECT to_regclass('secret_key_ids') IS NOT NULL")
_KEY_ID: Final = text("SELECT key_id FROM secret_key_ids")
_NOTE: Final = text("INSERT INTO secret_key_ids (id, key_id, noted_at) VALUES (1, :key, now()) ON CONFLICT DO NOTHING")
_CHANGE: Final = text(
    "INSERT INTO secret_key_ids (id, key_id, noted_at) VALUES (1, :key, now()) "
    "ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id, noted_at = excluded.noted_at"
)
#: One encrypted text of each key that was ever used.
_SAMPLES: Final = text("""
    SELECT min(stored) FROM (
        SELECT access_token AS stored FROM platform_connections UNION ALL
        SELECT refresh_token FROM platform_connections UNION ALL SELECT secret FROM second_factors UNION ALL
        SELECT secret FROM token_revocations) encrypted
    WHERE stored LIKE 'f1:%' GROUP BY split_part(stored, ':', 2)
""")


def refuse_wrong_key(engine: Engine, cipher: TokenCipher) -> None:
    """Raise Unusable if the database belongs to another key; the first key that comes is noted as its own.

    A former key that the cipher knows will do, until `keys rotate` has named the new one. Nothing is checked before the
    database is migrated, or while it does not respond: it may come back. Raises DatabaseReadOnly if the key could not
    be noted.
    """
    try:
        with session_scope(engine) as session:
            if problem := problem_of_key(session, cipher):
                raise problem
            if session.connection().scalar(_EXISTS) and session.connection().scalar(_KEY_ID) is None:
                session.connection().execute(_NOTE, {"key": cipher.current})
                if problem := problem_of_key(session, cipher):  # another process was faster
                    raise problem
    except OperationalError as error:
        is_away = isinstance(error, NoConnection) or error.connection_invalidated
        if isinstance(error, DatabaseReadOnly) or not is_away:
            raise


def problem_of_key(session: Session, cipher: TokenCipher) -> Unusable | None:
    """Return why this key is not the database's; None if it is, or if the database has none yet. Writes nothing."""
    if not session.connection().scalar(_EXISTS):
        return None
    key_id = session.connection().scalar(_KEY_ID)
    if key_id is not None:
        return None if cipher.knows(key_id) else _wrong(cipher, key_id)
    return _problem_of_samples(session, cipher)


def name_key(session: Session, cipher: TokenCipher) -> None:
    """Let the database belong to the cipher's current key from now on."""
    session.connection().execute(_CHANGE, {"key": cipher.current})


def _problem_of_samples(session: Session, cipher: TokenCipher) -> Unusable | None:
    """Return a problem if there is encrypted data from before keys were noted, and the cipher reads none of it."""
    problem: Unusable | None = None
    stored = [each for each in session.connection().scalars(_SAMPLES) if cipher.is_encrypted(each)]
    for each in stored:
        try:
            cipher.decrypt(each)
        except Unusable:
            problem = _wrong(cipher, each.split(":")[1])
        else:
            return None
    return problem


def _wrong(cipher: TokenCipher, key_id: str) -> Unusable:
    return Unusable(
        f"UNSTUCK_SECRET_KEY is not the key of this database: it belongs to key {key_id}, and this one is "
        f"{cipher.current}. Set the key that the other processes use; to change it, keep the former one in "
        f"UNSTUCK_PREVIOUS_SECRET_KEYS and run: {PROGRAM} keys rotate"
    )
