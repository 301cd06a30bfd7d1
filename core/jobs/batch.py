"""A worker's batch: jobs that ended well are written down and the next ones are claimed, in one statement.

A statement costs about as much for eight jobs as for two, so threads that end at the same moment share one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from core.bus import Changes
from core.database.statement import Statement
from core.jobs import claim, fence
from core.jobs.claim import Claimed


@dataclass(slots=True)
class Ended:
    """A task that has done its work and left nothing to commit but its success."""

    id: UUID
    token: int
    #: Its result as JSON text: a result that is not valid fails its own job, not the others of the batch.
    result: str | None = None
    #: How often the connection broke while this was written alone.
    broken: int = 0


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch has written and claimed."""

    #: The jobs whose success was written; the others were no longer held, or a cancel was accepted.
    succeeded: frozenset[UUID]
    claimed: list[Claimed]
    #: Due jobs that were next in order but have a limit: each needs a claim of its own.
    limited: int
    changes: Changes


_BATCH = Statement(f"""
    WITH {fence.SUCCEED_MANY}, {claim.CLAIM_MANY}
    SELECT 'claimed' AS part, id, user_id, token, attempt, kind, args, progress_done, started_at, priority,
           is_suspect FROM claimed
    UNION ALL SELECT 'succeeded', id, user_id, 0, 0, NULL, NULL, 0, NULL, 0, false FROM moved
    UNION ALL SELECT 'limited', id, NULL, 0, 0, NULL, NULL, 0, NULL, 0, false FROM due WHERE has_limit
""")  # noqa: S608 - constants of this program
#: How a connection should plan batches: by the indexes, however few rows there were when it planned for the first time.
#: Without JIT: a switched-off way counts as very expensive where there is no other (an empty `job_kinds`), and a plan
#: that counts as expensive would be compiled for each execution, for a second.
PLANNER_OPTIONS = " -c plan_cache_mode=force_generic_plan -c jit=off" + "".join(
    f" -c enable_{way}=off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort")
)


def finish_and_claim(
    connection: Connection,
    worker_id: UUID,
    queue: str,
    kinds: Collection[str],
    step_limit: timedelta,
    ended: Sequence[Ended],
    claims: int,
    *,
    alone: bool = False,
) -> BatchResult:
    """Write the successes of `ended` and claim up to `claims` due jobs of `queue`; a suspect only if `alone`.

    Waits only for locks on the jobs of `ended`, taken in their order. The caller or the connection commits.
    """
    values = {
        "ids": [job.id for job in ended],
        "tokens": [job.token for job in ended],
        "results": [job.result for job in ended],
        "shard": fence.any_shard(),
        **claim.values_of(worker_id, queue, kinds, step_limit, alone=alone, claims=claims),
    }
    parts: dict[str, list[Any]] = {"succeeded": [], "claimed": [], "limited": []}
    for row in _BATCH.run_on(connection, values):
        parts[row.part].append(row)
    rows = parts["succeeded"] + parts["claimed"]
    changes = Changes(jobs={row.id for row in rows}, users={row.user_id for row in rows if row.user_id})
    succeeded = frozenset(row.id for row in parts["succeeded"])
    # In the order of urgency, whichever way the statement was planned.
    claimed = [claim.held_by(row) for row in sorted(parts["claimed"], key=attrgetter("priority"))]
    return BatchResult(succeeded, claimed, len(parts["limited"]), changes)
