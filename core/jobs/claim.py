"""Claiming: a worker takes the most urgent due job of a queue, and with it the next token."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from sqlmodel import Session

from core import bus
from core.jobs.limits import may_start
from core.jobs.statement import Statement


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the holder of a job knows: every write it makes is guarded by this token."""

    id: UUID
    token: int
    attempt: int
    kind: str
    #: What a chore needs to run, so that it need not be loaded.
    args: dict[str, Any] = field(compare=False)
    done: int = field(compare=False)
    began_at: datetime = field(compare=False)


class Left(Enum):
    """What a queue still holds, when nobody has looked."""

    UNKNOWN = "claim, and see"


# SKIP LOCKED lets any number of workers claim at once; a kind that this worker does not know stays for one that does.
# A worker that was presumed dead claims nothing until it has a new identity: the sweep would take it back at once.
_TAKE = """
    WITH due AS MATERIALIZED (
        SELECT id FROM background_jobs
        WHERE status = 'queued' AND queue = :queue AND run_at <= statement_timestamp() AND kind = ANY(:kinds)
          AND NOT EXISTS (SELECT FROM queues q WHERE q.name = :queue AND q.paused_at IS NOT NULL)
          AND kind <> ALL (ARRAY(SELECT k.kind FROM job_kinds k WHERE k.paused_at IS NOT NULL))
          AND EXISTS (SELECT FROM workers w WHERE w.id = :worker AND w.lost_at IS NULL AND w.stopped_at IS NULL)
        ORDER BY priority, run_at, id
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE background_jobs j SET
            status = 'running', token = token + 1, attempt = attempt + 1, worker_id = :worker,
            started_at = coalesce(started_at, statement_timestamp()),
            deadline_at = statement_timestamp() + make_interval(secs => :step_limit),
            updated_at = statement_timestamp()
        FROM due WHERE j.id = due.id
        RETURNING j.id, j.token, j.attempt, j.kind, j.user_id, j.args, j.progress_done, j.started_at
    ), tried AS (
        INSERT INTO job_attempts (job_id, token, attempt, worker_id, started_at, outcome)
        SELECT id, token, attempt, :worker, statement_timestamp(), 'running' FROM claimed
    )
"""
_TOLD = "SELECT c.id, c.token, c.attempt, c.kind, c.args, c.progress_done, c.started_at, c.user_id,"
_CLAIM = Statement(
    f"{_TAKE} {_TOLD} k.kind IS NOT NULL AS steered FROM claimed c LEFT JOIN job_kinds k ON k.kind = c.kind"
)
# Whoever has just ended a job must not wait for a kind's limits with that ending uncommitted: then nothing is taken.
_UNSTEERED = _TAKE.replace("LIMIT 1", "LIMIT (SELECT CASE WHEN EXISTS (SELECT FROM job_kinds) THEN 0 ELSE 1 END)")
_STEERED = "EXISTS (SELECT FROM job_kinds) AS steered"
_CLAIM_ALONG = Statement(f"{_UNSTEERED} {_TOLD} {_STEERED} FROM (SELECT) AS always LEFT JOIN claimed c ON true")


def claim(
    session: Session, worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta
) -> Claimed | None:
    """Take one due job of `queue` whose kind is known and may start now, or None, and commit."""
    wanted = set(kinds)
    while wanted:
        row = _take(session, _CLAIM, worker_id, queue, wanted, step_limit)
        if row is None:
            session.rollback()
            return None
        if not row.steered or may_start(session, row.kind, worker_id):
            held = _held(session, row)
            session.commit()
            return held
        session.rollback()
        wanted.discard(row.kind)
    return None


def claim_along(
    session: Session, worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta
) -> Claimed | Literal[Left.UNKNOWN] | None:
    """Take one due job in the transaction that ends another one, so that the disk is waited for once.

    None: nothing is due. While operators steer any kind it takes nothing, and says so: their limits are for `claim` to
    look at. Waits for no lock: the caller's own are held meanwhile. The caller commits.
    """
    row = _take(session, _CLAIM_ALONG, worker_id, queue, kinds, step_limit)
    if row is not None and row.id is not None:
        return _held(session, row)
    return Left.UNKNOWN if row is None or row.steered else None


def _take(
    session: Session, statement: Statement, worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta
) -> Any:
    values = {"worker": worker_id, "queue": queue, "kinds": list(kinds), "step_limit": step_limit.total_seconds()}
    return statement.run(session, values)


def _held(session: Session, row: Any) -> Claimed:
    bus.changed(session, job_id=row.id, user_id=row.user_id)
    return Claimed(row.id, row.token, row.attempt, row.kind, row.args, row.progress_done, row.started_at)
