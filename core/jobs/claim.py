"""Claiming: a worker takes the most urgent due job of a queue, and with it the next token."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from core import bus
from core.database.statement import Statement
from core.jobs.limits import may_start


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the holder of a job knows: every write it makes is guarded by this token."""

    id: UUID
    token: int
    attempt: int
    kind: str
    #: What a task needs to run, so that it need not be loaded.
    args: dict[str, Any] = field(compare=False)
    done: int = field(compare=False)
    began_at: datetime = field(compare=False)


# SKIP LOCKED lets any number of workers claim at once; a kind that this worker does not know stays for one that does.
# A worker that was presumed dead claims nothing until it has a new identity: the sweep would take it back at once.
_TAKING = """
    due AS MATERIALIZED (
        SELECT id FROM background_jobs
        WHERE status = 'queued' AND queue = :queue AND run_at <= statement_timestamp() AND kind = ANY(:kinds)
          AND NOT EXISTS (SELECT FROM queues q WHERE q.name = :queue AND q.paused_at IS NOT NULL)
          AND kind <> ALL (ARRAY(SELECT k.kind FROM job_kinds k WHERE k.paused_at IS NOT NULL))
          AND EXISTS (SELECT FROM workers w WHERE w.id = :worker AND w.lost_at IS NULL AND w.stopped_at IS NULL)
        ORDER BY priority, run_at, id
        LIMIT {limit} FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE background_jobs j SET
            status = 'running', token = token + 1, attempt = attempt + 1, worker_id = :worker,
            started_at = coalesce(started_at, statement_timestamp()),
            deadline_at = statement_timestamp() + make_interval(secs => :step_limit),
            updated_at = statement_timestamp()
        FROM due WHERE j.id = due.id
        RETURNING j.id, j.token, j.attempt, j.kind, j.user_id, j.args, j.progress_done, j.started_at
    ), begun AS (
        INSERT INTO job_attempts (job_id, token, attempt, worker_id, started_at, outcome)
        SELECT id, token, attempt, :worker, statement_timestamp(), 'running' FROM claimed
    )
"""
#: Takes up to `:wanted` jobs, but none while operators steer any kind: their limits are for `claim` to look at.
TAKING_MANY = _TAKING.format(limit="(SELECT CASE WHEN EXISTS (SELECT FROM job_kinds) THEN 0 ELSE :wanted END)")
_TOLD = "SELECT c.id, c.token, c.attempt, c.kind, c.args, c.progress_done, c.started_at, c.user_id"
_CLAIM = Statement(
    f"WITH {_TAKING.format(limit=1)} {_TOLD}, k.kind IS NOT NULL AS steered"
    " FROM claimed c LEFT JOIN job_kinds k ON k.kind = c.kind"
)


def claim(
    session: Session, worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta
) -> Claimed | None:
    """Take one due job of `queue` whose kind is known and may start now, or None, and commit."""
    wanted = set(kinds)
    while wanted:
        row = _CLAIM.run(session, values_of(worker_id, queue, wanted, step_limit))
        if row is None:
            session.rollback()
            return None
        if not row.steered or may_start(session, row.kind, worker_id):
            bus.changed(session, job_id=row.id, user_id=row.user_id)
            session.commit()
            return held_by(row)
        session.rollback()
        wanted.discard(row.kind)
    return None


def values_of(worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta) -> dict[str, Any]:
    """Return what a statement of `TAKING_MANY` needs to know, besides how many are wanted."""
    return {"worker": worker_id, "queue": queue, "kinds": list(kinds), "step_limit": step_limit.total_seconds()}


def held_by(row: Any) -> Claimed:
    """Return what the holder knows of a row that a claim has told."""
    return Claimed(row.id, row.token, row.attempt, row.kind, row.args, row.progress_done, row.started_at)
