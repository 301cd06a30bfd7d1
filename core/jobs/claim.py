"""Claiming: a worker takes the most urgent due job of a queue, and with it the next token."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from core import bus
from core.database.statement import Statement
from core.jobs.failure import WORKER_GONE
from core.jobs.limits import may_start


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job as its holder knows it: the token guards every write of the holder."""

    id: UUID
    token: int
    attempt: int
    kind: str
    #: A task runs with these, so that its row need not be loaded.
    args: dict[str, Any] = field(compare=False)
    done: int = field(compare=False)
    began_at: datetime = field(compare=False)
    priority: int = field(default=0, compare=False)
    #: It may kill its worker: nothing else should run there.
    is_suspect: bool = field(default=False, compare=False)


# Kinds that are paused, and those whose limits leave no room. A claim counts running jobs without a lock (`may_start`
# decides), and leaves out the jobs of `:ids`, which end in the same statement: the thread that makes room for a kind
# must not overlook its next job. `|| ''` hides the kind from the planner, which would count by an index that holds
# every failed job as well.
STOPPED = """stopped AS (
              SELECT kind FROM job_kinds k WHERE paused_at IS NOT NULL
              OR CASE WHEN num_nonnulls(max_running, max_per_worker) > 0 THEN (
                  SELECT count(*) >= max_running OR count(*) FILTER (WHERE worker_id = :worker) >= max_per_worker
                  FROM background_jobs r
                  WHERE status = 'running' AND r.kind || '' = k.kind AND id <> ALL (CAST(:ids AS uuid[]))) END
              OR least(rate_count, rate_left
                       + rate_count * abs(extract(epoch FROM statement_timestamp() - rate_at)) / rate_seconds) < 1)"""
#: A claim passes over kinds that are stopped, so that their backlog holds up no other kind.
MAY_START = "kind = ANY(:kinds) AND kind <> ALL (ARRAY(TABLE stopped))"
# While a kind is stopped, a queue is only read if another kind may have a due job there: 100,000 jobs of the stopped
# one take a third of a second. Of each other kind it looks at a few jobs by the index of live ones: the planner does
# not see that the index of due jobs has them, too, which knows nothing of kinds, and the order makes others costly.
OTHERS_WAIT = """(NOT EXISTS (TABLE stopped) OR EXISTS (
              SELECT FROM unnest(:kinds) k, LATERAL (
                  SELECT run_at, row_number() OVER (ORDER BY status, created_at) n FROM background_jobs
                  WHERE status IN ('queued', 'running') AND status <> 'running' AND queue = {queue} AND kind = k
                  LIMIT 99) q
              WHERE k <> ALL (ARRAY(TABLE stopped)) AND (run_at <= statement_timestamp() OR n = 99)))"""
# A suspect has lost its worker after two claims or more, further each time or not, or one more loss would fail it.
# It waits a minute for a process that runs nothing else: then the loss is its own, and takes no other job along.
NOT_SUSPECT = f"""(CAST(:alone AS bool) OR error_fingerprint IS DISTINCT FROM '{WORKER_GONE.fingerprint}'
          OR (attempt < greatest(max_attempts - 1, 1) AND token < 2)
          OR run_at < statement_timestamp() - interval '1 minute')"""
#: Of a job that is held: it was a suspect when it was claimed, which counted that claim.
IS_SUSPECT = f"""(attempt >= max_attempts OR token > 2)
                  AND error_fingerprint IS NOT DISTINCT FROM '{WORKER_GONE.fingerprint}'"""
# SKIP LOCKED lets any number of workers claim at once; a kind that this worker does not know stays for one that does.
# A worker that was presumed dead claims nothing until it has a new identity: the sweep would take it back at once.
_CLAIMING = """{stopped}, due AS MATERIALIZED (
        SELECT id, (SELECT num_nonnulls(max_running, max_per_worker, rate_count) > 0
                    FROM job_kinds k WHERE k.kind = j.kind) AS has_limit
        FROM background_jobs j
        WHERE status = 'queued' AND queue = :queue AND run_at <= statement_timestamp()
          AND NOT EXISTS (SELECT FROM queues WHERE name = :queue AND paused_at IS NOT NULL)
          AND {may_start} AND {not_suspect} AND {others_wait}
          AND EXISTS (SELECT FROM workers WHERE id = :worker AND lost_at IS NULL AND stopped_at IS NULL)
        ORDER BY priority, run_at, id
        LIMIT {limit} FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE background_jobs j SET
            status = 'running', token = token + 1, attempt = attempt + 1, worker_id = :worker,
            started_at = coalesce(started_at, statement_timestamp()), claimed_at = statement_timestamp(),
            deadline_at = statement_timestamp() + :step_limit,
            updated_at = statement_timestamp()
        FROM due WHERE j.id = due.id {only}
        RETURNING j.id, j.token, attempt, kind, user_id, args, progress_done, started_at, priority,
                  has_limit, {is_suspect} AS is_suspect
    )
"""


def _claiming(limit: str, only: str) -> str:
    parts = {
        "stopped": STOPPED,
        "may_start": MAY_START,
        "not_suspect": NOT_SUSPECT,
        "is_suspect": IS_SUSPECT,
        "others_wait": OTHERS_WAIT.format(queue=":queue"),
    }
    return _CLAIMING.format(**parts, limit=limit, only=only)


#: Looks at the `:claims` most urgent due jobs and claims those without a limit. Each limited one among them stays for a
#: `claim` of its own, which one thread makes at once: so limited and unlimited kinds keep one order, by urgency, and
#: neither waits for the other's backlog.
CLAIM_MANY = _claiming(limit=":claims", only="AND has_limit IS NOT TRUE")
_CLAIM = Statement(f"WITH {_claiming(limit='1', only='')} SELECT * FROM claimed")  # noqa: S608 - constants of this program


def claim(
    session: Session,
    worker_id: UUID,
    queue: str,
    kinds: Collection[str],
    step_limit: timedelta,
    *,
    alone: bool = True,
) -> Claimed | None:
    """Take one due job of `queue` whose kind is known and may start now, or None, and commit.

    `alone`: the worker runs nothing else, so it may be a suspect.
    """
    candidates = set(kinds)
    while candidates:
        row = _CLAIM.run(session, {"ids": [], **values_of(worker_id, queue, candidates, step_limit, alone=alone)})
        if row is None:
            session.rollback()
            return None
        if not row.has_limit or may_start(session, row.kind, worker_id):
            bus.changed(session, job_id=row.id, user_id=row.user_id)
            session.commit()
            return held_by(row)
        session.rollback()
        candidates.discard(row.kind)
    return None


def values_of(
    worker_id: UUID, queue: str, kinds: Collection[str], step_limit: timedelta, **more: Any
) -> dict[str, Any]:
    """Return the parameters of `CLAIM_MANY`, besides ids of jobs that end with it; `more`: `claims` and `alone`."""
    return {"worker": worker_id, "queue": queue, "kinds": list(kinds), "step_limit": step_limit, **more}


def held_by(row: Any) -> Claimed:
    """Return the claimed job of a row that a claim has returned."""
    return Claimed(
        row.id,
        row.token,
        row.attempt,
        row.kind,
        row.args,
        row.progress_done,
        row.started_at,
        row.priority,
        row.is_suspect,
    )
