"""What changed since a moment: how screens stay live while the bus is down. Reads only indexes of what is alive."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

from core.bus import Changes

#: Transactions commit in another order than they took their times and numbers: look back a little, and twice.
LOOK_BACK = timedelta(seconds=2)
EVENTS_BACK = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where changes were seen: a time of the database, and an event's id."""

    at: datetime
    event_id: int


_HERE = text("SELECT statement_timestamp() AS at, coalesce(max(id), 0) AS event_id FROM events")

_CHANGED = text("""
    SELECT id AS job_id, user_id FROM background_jobs
    WHERE status IN ('queued', 'running') AND updated_at > :since
    UNION
    SELECT job_id, user_id FROM events WHERE id > :event_id AND at > :since
    LIMIT 1000
""")


def changed_since(session: Session, mark: Mark | None) -> tuple[Changes, Mark]:
    """Return the jobs and users that changed since `mark`, some of them twice, and the mark for the next look."""
    row = session.connection().execute(_HERE).one()
    here = Mark(row.at, row.event_id)
    if mark is None:
        return Changes(), here
    values = {"since": mark.at - LOOK_BACK, "event_id": mark.event_id - EVENTS_BACK}
    found = session.connection().execute(_CHANGED, values).all()
    jobs = {row.job_id for row in found if row.job_id}
    return Changes(jobs=jobs, users={row.user_id for row in found if row.user_id}), here
