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
_DUE = text("""
    SELECT c.id FROM platform_connections c
    WHERE c.platform = :platform AND c.refresh_at <= statement_timestamp() AND c.withdrawn_at IS NULL
      AND c.connection_status IN ('connected', 'failed') AND NOT c.is_demo AND NOT EXISTS (
          SELECT FROM background_jobs j WHERE j.connection_id = c.id AND j.machine IS NOT NULL
          AND j.status IN ('queued', 'running'))
    ORDER BY c.refresh_at LIMIT :most FOR UPDATE OF c SKIP LOCKED
""")


def room_for(session: Session, platform: str) -> int:
    """Return how many more refreshes of a platform may be under way."""
    active = session.connection().execute(_ACTIVE, {"kind": KIND, "platform": platform}).scalar_one()
    return max(0, settings().provider_refreshes - int(active))


def due_for_refresh(session: Session, platform: str, most: int) -> list[UUID]:
    """Return connections of a platform that are due, the longest overdue first, locked; those of others are passed."""
    if most <= 0:
        return []
    return list(session.connection().execute(_DUE, {"platform": platform, "most": most}).scalars())
