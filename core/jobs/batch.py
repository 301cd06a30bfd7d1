"""A worker's turn: jobs that ended well are written down and the next ones are claimed, in one statement.

A statement costs about as much for eight jobs as for two, so threads that end at the same moment share one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from core.bus import Changes
from core.database.statement import Statement
from core.jobs import claim, fence
from core.jobs.claim import Claimed
from core.jobs.finish import SUCCESS
from core.models import JobStatus


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that has done its work and left nothing to commit but its success."""

    id: UUID
    token: int
    #: Its result as JSON text: a result that is none fails the job it belongs to, not those that share its turn.
    result: str | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a turn came to."""

    #: The jobs whose success was written; the others were no longer held, or were asked to stop.
    succeeded: frozenset[UUID]
    claimed: list[Claimed]
    #: Operators steer some kinds: nothing was claimed here, and each claim has to look at their limits.
    steered: bool
    changes: Changes


_TOLD = "id, token, attempt, kind, user_id"
_TURN = Statement(f"""
    WITH {fence.TRANSITION_MANY}, {claim.TAKING_MANY}
    SELECT 'succeeded' AS what, {_TOLD}, NULL AS args, 0 AS progress_done, started_at FROM moved
    UNION ALL SELECT 'claimed', {_TOLD}, args, progress_done, started_at FROM claimed
    UNION ALL SELECT 'steered', NULL, 0, 0, NULL, NULL, NULL, 0, NULL WHERE EXISTS (SELECT FROM job_kinds)
""")  # noqa: S608 - our own words
#: How a connection should plan turns: by the indexes, however few rows there were when it planned for the first time.
PLANNER_OPTIONS = " -c plan_cache_mode=force_generic_plan" + "".join(
    f" -c enable_{way}=off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort")
)


def finish_and_claim(
    connection: Connection,
    worker_id: UUID,
    queue: str,
    kinds: Collection[str],
    step_limit: timedelta,
    ended: Sequence[Ended],
    wanted: int,
) -> BatchResult:
    """Write the successes of `ended` and claim up to `wanted` due jobs of `queue`.

    Waits for no lock but those on what has ended, and those in the order of `ended`. The caller commits.
    """
    values = {
        "ids": [one.id for one in ended],
        "tokens": [one.token for one in ended],
        "results": [one.result for one in ended],
        "from_status": JobStatus.RUNNING.value,
        **fence.values_of(SUCCESS),
        "wanted": wanted,
        **claim.values_of(worker_id, queue, kinds, step_limit),
    }
    told: dict[str, list[Any]] = {"succeeded": [], "claimed": [], "steered": []}
    for row in _TURN.run_on(connection, values):
        told[row.what].append(row)
    rows = told["succeeded"] + told["claimed"]
    changes = Changes(jobs={row.id for row in rows}, users={row.user_id for row in rows if row.user_id})
    succeeded = frozenset(row.id for row in told["succeeded"])
    return BatchResult(succeeded, [claim.held_by(row) for row in told["claimed"]], bool(told["steered"]), changes)
