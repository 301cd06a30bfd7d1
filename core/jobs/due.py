"""Due jobs of several queues at once: how many may start, and how urgent the first one is.

It reads each queue by itself, in the order of claims, so that one queue's backlog hides no other queue.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from core.database.statement import Statement
from core.jobs.claim import MAY_START, NOT_SUSPECT, OTHERS_WAIT, STOPPED

#: How many due jobs of a queue a look passes over whose kinds are paused or at their limit; a sweep passes over all.
DEPTH: Final = 10_000
#: A part of a statement, after WITH RECURSIVE: `names`, the queues that have queued jobs, by one index read for each.
QUEUES_IN_USE = """names AS (
    (SELECT queue FROM background_jobs WHERE status = 'queued' ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue FROM background_jobs j WHERE j.status = 'queued' AND j.queue > names.queue
            ORDER BY j.queue LIMIT 1)
    FROM names WHERE names.queue IS NOT NULL
)"""


class DueQueue(NamedTuple):
    """A queue with due jobs that may start now; `urgency` is the priority of the most urgent one."""

    queue: str
    waiting: int
    urgency: int


# Without `:depth` (NULL), it passes over any number of jobs whose kinds are paused or at their limit.
_DUE = Statement(f"""
    WITH {STOPPED}
    SELECT name AS queue, waiting, urgency
    FROM unnest(CAST(:queues AS text[])) AS name, LATERAL (
        SELECT count(*) AS waiting, min(priority) AS urgency FROM (
            SELECT priority FROM (
                SELECT priority, kind, error_fingerprint, attempt, max_attempts, token, run_at FROM background_jobs
                WHERE status = 'queued' AND queue = name AND run_at <= statement_timestamp() - CAST(:waited AS interval)
                ORDER BY priority, run_at, id LIMIT CAST(:depth AS int)
            ) first WHERE {MAY_START} AND {NOT_SUSPECT}
            ORDER BY priority LIMIT :most
        ) startable
    ) due
    WHERE waiting > 0 AND name <> ALL (ARRAY(SELECT q.name FROM queues q WHERE paused_at IS NOT NULL))
      AND {OTHERS_WAIT.format(queue="name")}
""")  # noqa: S608 - constants of this program


def due_queues(
    connection: Connection,
    worker_id: UUID,
    queues: Collection[str],
    kinds: Collection[str],
    *,
    most: int,
    depth: int | None = None,
    alone: bool = False,
    waited: timedelta = timedelta(),
) -> list[DueQueue]:
    """Return those of `queues` that have jobs which this worker may start now, with at most `most` of them counted.

    Looks at the first `depth` jobs of each queue that have been due for `waited`, or at all of them; at suspects only
    if `alone`.
    """
    values = {"worker": worker_id, "queues": list(queues), "kinds": list(kinds), "ids": []}
    rows = _DUE.run_on(connection, {**values, "most": most, "depth": depth, "alone": alone, "waited": waited})
    return [DueQueue(*row) for row in rows]
