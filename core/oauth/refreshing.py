"""Which connections are to be refreshed now, and how many of a platform at a time."""

from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from core.settings import settings

#: How the operation is called that refreshes a connection; its declaration stands on this.
KIND = "connection.refresh"

# Under way, or queued for now: those that a person planned for later do not count.
_ACTIVE = text("""
    SELECT count(*) FROM background_jobs j JOIN platform_connections c ON c.id = j.connection_id
    WHERE j.kind = :kind AND j.status IN ('queued', 'running') AND c.platform = :platform
      AND j.run_at <= statement_timestamp() + interval '1 hour'
""")
# One transaction at a time counts and requests: two at once would both find the same room.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('refreshes of ' || :platform))")
# What only its creator can connect again is not asked for again, unless its row says that it is connected: a refresh of
# a connected one that was cancelled leaves that.
_HOPELESS = text("""
    UPDATE platform_connections SET refresh_at = NULL
    WHERE platform = :platform AND refresh_at <= statement_timestamp() AND connection_status = 'failed'
      AND (withdrawn_at IS NOT NULL OR access_token IS NULL)
""")
_DUE = text("""
    SELECT c.id FROM platform_connections c
    WHERE c.platform = :platform AND c.refresh_at <= statement_timestamp()
      AND (c.connection_status = 'connected'
           OR c.connection_status = 'failed' AND c.withdrawn_at IS NULL AND c.access_token IS NOT NULL)
      AND NOT c.is_demo AND NOT EXISTS (
          SELECT FROM background_jobs j WHERE j.connection_id = c.id AND j.machine IS NOT NULL
          AND j.status IN ('queued', 'running'))
    ORDER BY c.refresh_at LIMIT :most FOR UPDATE OF c SKIP LOCKED
""")


def strike_hopeless(session: Session, platform: str) -> None:
    """Take what only its creator can connect again out of the line."""
    session.connection().execute(_HOPELESS, {"platform": platform})


def room_for(session: Session, platform: str, ending: int = 0) -> int:
    """Return how many more refreshes of a platform may be under way; until the commit, nobody else counts them.

    `ending`: those of them that end with this transaction.
    """
    session.connection().execute(_ALONE, {"platform": platform})
    active = session.connection().execute(_ACTIVE, {"kind": KIND, "platform": platform}).scalar_one()
    return max(0, settings().provider_refreshes - int(active) + ending)


def due_for_refresh(session: Session, platform: str, most: int) -> list[UUID]:
    """Return connections of a platform that are due, the longest overdue first, locked; those of others are passed."""
    if most <= 0:
        return []
    return list(session.connection().execute(_DUE, {"platform": platform, "most": most}).scalars())
