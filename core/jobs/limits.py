"""How many jobs of a kind may run at once, and how fast they may start: exact, whatever number of workers claims."""

from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

# Whoever wants to start a job of a limited kind waits here for the others' commits, and then counts what they left.
_LOCK = text("SELECT max_running, max_per_worker, rate_count FROM job_kinds WHERE kind = :kind FOR UPDATE")

_RUNNING = text("""
    SELECT count(*) AS in_all, count(*) FILTER (WHERE worker_id = :worker) AS here
    FROM background_jobs WHERE status = 'running' AND kind = :kind
""")

# A bucket of `rate_count` starts that fills evenly over `rate_seconds`.
_SPEND = text("""
    UPDATE job_kinds SET rate_left = filled - 1, rate_at = statement_timestamp()
    FROM (SELECT least(rate_count, CASE WHEN rate_at IS NULL THEN rate_count ELSE rate_left
                 + rate_count * extract(epoch FROM statement_timestamp() - rate_at) / rate_seconds END) AS filled
          FROM job_kinds WHERE kind = :kind) bucket
    WHERE kind = :kind AND filled >= 1
    RETURNING kind
""")


def may_start(session: Session, kind: str, worker_id: UUID) -> bool:
    """Tell whether the job of `kind` that this transaction has just claimed keeps within the kind's limits.

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
