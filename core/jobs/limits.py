"""Limits of a kind: how many jobs run at once and how fast they start, exact with any number of workers."""

from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

# A worker that starts a job of a limited kind waits here for other claims to commit, and then counts them.
_LOCK = text("SELECT max_running, max_per_worker, rate_count FROM job_kinds WHERE kind = :kind FOR UPDATE")

_RUNNING = text("""
    SELECT count(*) AS in_all, count(*) FILTER (WHERE worker_id = :worker) AS here
    FROM background_jobs WHERE status = 'running' AND kind = :kind
""")

# A token bucket of `rate_count` starts that refills evenly over `rate_seconds`. After the database's clock was put
# back it has refilled for as long: otherwise it would not until the clock is there again.
_SPEND = text("""
    UPDATE job_kinds SET rate_left = filled - 1, rate_at = statement_timestamp()
    FROM (SELECT least(rate_count, CASE WHEN rate_at IS NULL THEN rate_count ELSE rate_left
                 + rate_count * abs(extract(epoch FROM statement_timestamp() - rate_at)) / rate_seconds END) AS filled
          FROM job_kinds WHERE kind = :kind) bucket
    WHERE kind = :kind AND filled >= 1
    RETURNING kind
""")


def may_start(session: Session, kind: str, worker_id: UUID) -> bool:
    """Return whether the job just claimed in this transaction keeps its kind's limits.

    If not, the caller rolls back. The kind's row stays locked until the caller's transaction ends.
    """
    limit = session.connection().execute(_LOCK, {"kind": kind}).one_or_none()
    if limit is None:
        return True
    if limit.max_running is not None or limit.max_per_worker is not None:
        running = session.connection().execute(_RUNNING, {"kind": kind, "worker": worker_id}).one()
        if limit.max_running is not None and running.in_all > limit.max_running:
            return False
        if limit.max_per_worker is not None and running.here > limit.max_per_worker:
            return False
    if limit.rate_count is None:
        return True
    return session.connection().execute(_SPEND, {"kind": kind}).first() is not None
