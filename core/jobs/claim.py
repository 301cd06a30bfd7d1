"""Claiming: a worker takes the most urgent due job of a queue, and with it the next token."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel import Session

from core import bus
from core.jobs.limits import may_start


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the holder of a job knows: every write it makes is guarded by this token."""

    id: UUID
    token: int
    attempt: int
    kind: str


# SKIP LOCKED lets any number of workers claim at once; a kind that this worker does not know stays for one that does.
_CLAIM = text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM background_jobs
        WHERE status = 'queued' AND queue = :queue AND run_at <= statement_timestamp() AND kind = ANY(:kinds)
          AND NOT EXISTS (SELECT FROM queues q WHERE q.name = :queue AND q.paused_at IS NOT NULL)
          AND kind <> ALL (ARRAY(SELECT k.kind FROM job_kinds k WHERE k.paused_at IS NOT NULL))
        ORDER BY priority, run_at, id
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE background_jobs j SET
            status = 'running', token = token + 1, attempt = attempt + 1, worker_id = :worker,
            started_at = coalesce(started_at, statement_timestamp()),
            deadline_at = statement_timestamp() + make_interval(secs => :step_limit),
            updated_at = statement_timestamp()
        FROM due WHERE j.id = due.id
        RETURNING j.id, j.token, j.attempt, j.kind, j.user_id
    ), tried AS (
        INSERT INTO job_attempts (job_id, token, attempt, worker_id, started_at, outcome)
        SELECT id, token, attempt, :worker, statement_timestamp(), 'running' FROM claimed
    )
    SELECT c.id, c.token, c.attempt, c.kind, c.user_id, k.kind IS NOT NULL AS steered
    FROM claimed c LEFT JOIN job_kinds k ON k.kind = c.kind
""")


def claim(
    session: Session, worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta
) -> Claimed | None:
    """Take one due job of `queue` whose kind is known and may start now, or None, and commit."""
    wanted = set(kinds)
    while wanted:
        row = _take(session, worker_id, queue, wanted, step_limit)
        if row is None:
            session.rollback()
            return None
        if not row.steered or may_start(session, row.kind, worker_id):
            bus.changed(session, job_id=row.id, user_id=row.user_id)
            session.commit()
            return Claimed(row.id, row.token, row.attempt, row.kind)
        session.rollback()
        wanted.discard(row.kind)
    return None


def _take(
    session: Session, worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta
) -> Row[Any] | None:
    values = {"worker": worker_id, "queue": queue, "kinds": list(kinds), "step_limit": step_limit.total_seconds()}
    return session.connection().execute(_CLAIM, values).one_or_none()
