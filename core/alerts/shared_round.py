"""Rounds that one process at a time makes for all: whoever comes by first when it is due."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

_MAKE = text("INSERT INTO shared_rounds (name) VALUES (:name) ON CONFLICT DO NOTHING")
# A clock that was put back does not keep a round waiting.
_TAKE = text("""
    UPDATE shared_rounds SET done_at = statement_timestamp()
    WHERE name = (SELECT name FROM shared_rounds WHERE name = :name AND (done_at IS NULL OR done_at NOT BETWEEN
                  statement_timestamp() - CAST(:every AS interval) AND statement_timestamp())
                  FOR UPDATE SKIP LOCKED)
    RETURNING looked_until
""")
_NOTE = text("UPDATE shared_rounds SET looked_until = :until WHERE name = :name")


def take(session: Session, name: str, every: timedelta) -> tuple[bool, datetime | None]:
    """Return whether the caller's transaction is to make this round now, and up to where the last one has looked."""
    session.connection().execute(_MAKE, {"name": name})
    row = session.connection().execute(_TAKE, {"name": name, "every": every}).first()
    return row is not None, row.looked_until if row else None


def note(session: Session, name: str, until: datetime) -> None:
    """Note, in the same transaction, up to where this round has looked."""
    session.connection().execute(_NOTE, {"name": name, "until": until})
