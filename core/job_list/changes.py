"""Changes since a moment, polled to keep screens live while the bus is down. It reads only small partial indexes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

from core.bus import Changes

#: Transactions commit in a different order than they got their times and ids, so each look reaches back a little.
LOOK_BACK = timedelta(seconds=2)
EVENTS_BACK = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """The position up to which changes were read: a database time and an event id."""

    at: datetime
    event_id: int


_NOW = text("SELECT statement_timestamp() AS at, coalesce(max(id), 0) AS event_id FROM events")

_CHANGED = text("""
    SELECT id AS job_id, user_id FROM background_jobs
    WHERE status IN ('queued', 'running') AND updated_at > :since
    UNION
    SELECT job_id, user_id FROM events WHERE id > :event_id AND at > :since
    LIMIT 1000
""")


def changed_since(session: Session, mark: Mark | None) -> tuple[Changes, Mark]:
    """Return the jobs and users changed since `mark` (some are reported twice), and the mark for the next call."""
    row = session.connection().execute(_NOW).one()
    next_mark = Mark(row.at, row.event_id)
    if mark is None:
        return Changes(), next_mark
    values = {"since": mark.at - LOOK_BACK, "event_id": mark.event_id - EVENTS_BACK}
    rows = session.connection().execute(_CHANGED, values).all()
    jobs = {row.job_id for row in rows if row.job_id}
    return Changes(jobs=jobs, users={row.user_id for row in rows if row.user_id}), next_mark
