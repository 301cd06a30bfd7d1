"""Changes since a moment, polled to keep screens live while the bus is down. It reads only small partial indexes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

from core.bus import Changes

#: Transactions commit in a different order than they got their times, so each look reaches back a little.
LOOK_BACK = timedelta(seconds=2)
#: Maximum changed rows that are named, and maximum time between two looks; beyond, everything may have changed.
MOST_CHANGES = 5_000
LONGEST_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """The position up to which changes were read: a database time."""

    at: datetime


_NOW = text("SELECT statement_timestamp()")

# Without times to come, which a clock that was put back leaves: each look would report them. Ids of events follow their
# times closely: backwards from the last one, few are newer than `:since`.
_CHANGED = text("""
    SELECT id AS job_id, user_id FROM background_jobs
    WHERE status IN ('queued', 'running') AND updated_at > :since AND updated_at <= :until
    UNION
    SELECT job_id, user_id FROM events
    WHERE at > :since AND at <= :until
      AND id > coalesce((SELECT id FROM events WHERE at <= :since ORDER BY id DESC LIMIT 1), 0)
    LIMIT :most
""")


def changed_since(session: Session, mark: Mark | None) -> tuple[Changes, Mark]:
    """Return the jobs and users changed since `mark` (some are reported twice), and the mark for the next call.

    Without a mark, or after the clock was put back, everything may have changed.
    """
    next_mark = Mark(session.connection().execute(_NOW).scalar_one())
    if mark is None or not timedelta() <= next_mark.at - mark.at <= LONGEST_PAUSE:
        return Changes(everything=True), next_mark
    values = {"since": mark.at - LOOK_BACK, "until": next_mark.at, "most": MOST_CHANGES + 1}
    rows = session.connection().execute(_CHANGED, values).all()
    if len(rows) > MOST_CHANGES:
        return Changes(everything=True), next_mark
    jobs = {row.job_id for row in rows if row.job_id}
    return Changes(jobs=jobs, users={row.user_id for row in rows if row.user_id}), next_mark
