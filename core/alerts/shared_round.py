"""Rounds that one process at a time makes for all: whoever comes by first when it is due makes it.

A round that reads what has ended since the last one must not miss what was committed late. PostgreSQL tells which
transactions are still open, whoever's they are: a round has seen all up to a moment when none that was open then is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.messages.outbox import PATIENCE

#: A statement may take so long before it writes with the time of its start: more than any of ours may last.
MARGIN: Final = timedelta(seconds=40)
#: A round that says nothing for so long is taken from its process.
LONGEST_IDLE: Final = timedelta(seconds=30)
#: Nobody waits for a transaction that is open for longer.
LONGEST_OPEN: Final = timedelta(hours=1)

# Where the row is there, nobody waits for another's round. A process that freezes in its round loses it to others.
_MAKE = text("""
    INSERT INTO shared_rounds (name) SELECT :name WHERE NOT EXISTS (SELECT FROM shared_rounds WHERE name = :name)
    ON CONFLICT DO NOTHING
""")
_LIMIT = text("SELECT set_config('idle_in_transaction_session_timeout', :seconds, true)")
# A clock that was put back keeps no round waiting, and what was done by the clock before is looked at again.
_TAKE = text("""
    WITH due AS (
        SELECT *, coalesce(seen_at > statement_timestamp() OR looked_until > statement_timestamp(), false) AS is_ahead,
               seen_xmax <= CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
                   OR seen_at < statement_timestamp() - CAST(:longest AS interval) AS is_whole
        FROM shared_rounds
        WHERE name = :name AND (done_at IS NULL OR done_at NOT BETWEEN
              statement_timestamp() - CAST(:every AS interval) AND statement_timestamp())
        FOR UPDATE SKIP LOCKED
    ), known AS (
        SELECT name, looked_until IS NULL AS is_first, seen_at IS NULL OR is_ahead OR is_whole AS is_new, greatest(
            statement_timestamp() - CAST(:oldest AS interval),
            CASE WHEN looked_until IS NULL THEN statement_timestamp()
                 WHEN is_ahead THEN statement_timestamp() - CAST(:longest AS interval)
                 WHEN is_whole THEN greatest(looked_until, seen_at - CAST(:margin AS interval))
                 ELSE looked_until END) AS since
        FROM due
    )
    UPDATE shared_rounds r SET done_at = statement_timestamp(), looked_until = known.since,
        seen_at = CASE WHEN is_new THEN statement_timestamp() ELSE seen_at END,
        seen_xmax = CASE WHEN is_new THEN CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
                         ELSE seen_xmax END
    FROM known WHERE r.name = known.name
    RETURNING known.since, known.is_first
""")
# It looks from the same moment on: what others commit late is among what it has not told yet.
_GO_ON = text("UPDATE shared_rounds SET done_at = NULL, seen_at = NULL, seen_xmax = NULL WHERE name = :name")


@dataclass(frozen=True, slots=True)
class Round:
    """A round that the caller's transaction is to make: from when on it looks, and whether there was none before."""

    since: datetime
    is_first: bool


def take(session: Session, name: str, every: timedelta) -> Round | None:
    """Return the round that the caller's transaction is to make now; None: it is not due, or another makes it."""
    session.connection().execute(_LIMIT, {"seconds": f"{LONGEST_IDLE.total_seconds():.0f}s"})
    session.connection().execute(_MAKE, {"name": name})
    spans = {"every": every, "margin": MARGIN, "longest": LONGEST_OPEN, "oldest": PATIENCE}
    row = session.connection().execute(_TAKE, {"name": name, **spans}).first()
    return Round(row.since, row.is_first) if row else None


def go_on(session: Session, name: str) -> None:
    """Say, in the same transaction, that this round has not taken all that there is: the next one is due at once."""
    session.connection().execute(_GO_ON, {"name": name})
