"""The one fence: every change of a job's status passes through `transition`, guarded by id, token and status.

Only the holder of the token may write. The guard hides the status from the planner (`coalesce`), so that it goes by the
primary key and never by the partial index over running jobs, which is full of dead entries on a busy table.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlmodel import Session

from core import bus
from core.actor import ENGINE, Actor
from core.database.statement import Statement
from core.errors import LeaseLost
from core.jobs.failure import Failure
from core.models import AttemptOutcome, JobStatus

#: Rows that one counter is spread over, so that endings at the same moment do not wait for each other.
SHARDS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The new status of a job, the outcome of its attempt, and its event.

    None: the attempt says it all. A success of a task has none, so that the log does not grow with every job.
    """

    status: JobStatus
    outcome: AttemptOutcome
    event: str | None
    failure: Failure | None = None
    #: What a job without a failure remains suspected of: the fingerprint of its last loss.
    suspicion: str | None = None
    result: dict[str, Any] | None = None
    #: Seconds until a re-queued job is due again.
    delay: float = 0
    #: 1 gives the attempt back.
    refund: int = 0
    actor: Actor = ENGINE
    reason: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


# One statement, one round trip: the job and its attempt, or nothing at all. Any number of jobs at once. An attempt is
# inserted when it ends; while it runs, it is in the job's row; one that succeeds stays there: nothing comes after it.
_TRANSITION_SQL = """
    moved AS (
        UPDATE background_jobs j SET
            status = :status,
            attempt = attempt - :refund,
            worker_id = CASE WHEN :status <> 'queued' THEN worker_id END,
            deadline_at = NULL,
            run_at = CASE WHEN :status = 'queued' THEN statement_timestamp() + make_interval(secs => :delay)
                          ELSE run_at END,
            finished_at = CASE WHEN :status <> 'queued' THEN statement_timestamp() END,
            cancel_requested_at = coalesce(cancel_requested_at,
                                           CASE WHEN :status = 'cancelled' THEN statement_timestamp() END),
            error_type = :error_type, error_message = :error_message,
            error_traceback = :error_traceback, error_fingerprint = :error_fingerprint,
            result = {result},
            progress_done = CASE WHEN :status = 'succeeded' THEN greatest(progress_done, progress_total)
                                 ELSE progress_done END,
            updated_at = statement_timestamp()
        {source} WHERE j.id = {id} AND j.token = {token} AND coalesce(status, '') = :from_status
          AND (:status <> 'succeeded' OR cancel_requested_at IS NULL)
        RETURNING j.id, j.token, kind, status, user_id, connection_id, queue, attempt, worker_id, claimed_at,
                  started_at, finished_at
    ), counted AS (
        INSERT INTO job_counters AS c (hour, kind, queue, status, shard, jobs, ran_seconds)
        SELECT date_trunc('hour', finished_at, 'UTC') AS hour, kind, queue, status, :shard, count(*),
               sum(greatest(extract(epoch FROM finished_at - started_at), 0))
        FROM moved WHERE status <> 'queued' GROUP BY hour, kind, queue, status ORDER BY hour, kind, queue
        ON CONFLICT (hour, kind, queue, status, shard)
        DO UPDATE SET jobs = c.jobs + excluded.jobs, ran_seconds = c.ran_seconds + excluded.ran_seconds
    )
"""
# A job that returns to the queue has no worker any more; a part of a statement reads the row as it was before it.
_WORKER = "(SELECT worker_id FROM background_jobs was WHERE was.id = moved.id)"
# A worker of an earlier release may have inserted the attempt with its claim.
_TRIED_SQL = f"""
    , tried AS (
        INSERT INTO job_attempts AS a (job_id, token, attempt, worker_id, started_at, finished_at, outcome,
                                       error_type, error_message, error_traceback)
        SELECT id, token, attempt + :refund, {_WORKER},
               coalesce(claimed_at, started_at, statement_timestamp()), statement_timestamp(), :outcome,
               :error_type, :error_message, :error_traceback
        FROM moved WHERE :from_status = 'running' AND status <> 'succeeded'
        ON CONFLICT (job_id, token) DO UPDATE SET
            outcome = excluded.outcome, finished_at = excluded.finished_at, error_type = excluded.error_type,
            error_message = excluded.error_message, error_traceback = excluded.error_traceback
        WHERE a.outcome = 'running'
    )
"""  # noqa: S608 - constants of this program
_LOGGED_SQL = """
    , logged AS (
        INSERT INTO events (at, name, actor_id, actor, via, user_id, connection_id, job_id, reason, data)
        SELECT statement_timestamp(), :event, CAST(:actor_id AS uuid), :actor, :via,
               user_id, connection_id, id, :reason, jsonb_build_object('kind', kind) || :data
        FROM moved WHERE CAST(:event AS text) IS NOT NULL
    )
"""
_ARRAYS = "CAST(:ids AS uuid[]), CAST(:tokens AS bigint[]), CAST(:results AS jsonb[])"
_MANY = _TRANSITION_SQL.format_map(
    {"id": "held.id", "token": "held.token", "result": "held.result"}
    | {"source": f"FROM unnest({_ARRAYS}) AS held(id, token, result)"}
)
_SUCCESS = {"status": "'succeeded'", "from_status": "'running'", "refund": "0", "delay": "0"}
_NO_ERROR = dict.fromkeys(("error_type", "error_message", "error_traceback", "error_fingerprint"), "NULL")
#: Ends well each job of `:ids` that is still held under its token of `:tokens`, and writes its result of `:results`.
SUCCEED_MANY = re.sub(r":(\w+)", lambda name: (_SUCCESS | _NO_ERROR).get(name[1], name[0]), _MANY)
_TRANSITION_ONE = _TRANSITION_SQL.format_map({"source": "", "id": ":id", "token": ":token", "result": ":result"})
_TRANSITION = Statement(f"WITH {_TRANSITION_ONE} {_TRIED_SQL} {_LOGGED_SQL} SELECT id, user_id, queue FROM moved")  # noqa: S608 - constants of this program

#: Of jobs that wait: their attempts, if they had any, are written.
_TRANSITION_MANY = Statement(f"WITH {_MANY} {_LOGGED_SQL} SELECT id, user_id FROM moved")  # noqa: S608 - constants of this program


def transition(session: Session, job_id: UUID, token: int, from_status: JobStatus, to: Transition) -> None:
    """Move a job that is in `from_status` under `token`, with its attempt and its event, if it has one.

    Raises LeaseLost, having written nothing, when the job is not (or no more) there, or when a success comes after an
    accepted cancel. The caller commits or rolls back.
    """
    result = None if to.result is None else Jsonb(to.result)
    values = {"id": job_id, "token": token, "from_status": from_status.value, "result": result, **_values_of(to)}
    row = _TRANSITION.run(session, values)
    if row is None:
        raise LeaseLost(f"job {job_id} is not {from_status} under token {token}")
    bus.changed(session, job_id=job_id, user_id=row.user_id)
    if to.status is JobStatus.QUEUED and not to.delay:
        bus.wake(session, row.queue)


def transition_waiting(session: Session, tokens: Mapping[UUID, int], to: Transition) -> set[UUID]:
    """Move queued jobs that are under these tokens by id, each with its event, and return which have moved."""
    held = {"ids": list(tokens), "tokens": list(tokens.values()), "results": [None] * len(tokens)}
    values = {**held, "from_status": JobStatus.QUEUED.value, **_values_of(to)}
    rows = _TRANSITION_MANY.run_on(session.connection(), values)
    for row in rows:
        bus.changed(session, job_id=row.id, user_id=row.user_id)
    return {row.id for row in rows}


def any_shard() -> int:
    """Return one of the rows of a counter."""
    return random.randrange(SHARDS)  # noqa: S311 - spreads, hides nothing


def _values_of(to: Transition) -> dict[str, Any]:
    failure = to.failure
    return {
        "status": to.status.value,
        "refund": to.refund,
        "shard": any_shard(),
        "delay": to.delay,
        "outcome": to.outcome.value,
        "error_type": failure and failure.type,
        "error_message": failure and failure.message,
        "error_traceback": failure and failure.traceback,
        "error_fingerprint": failure.fingerprint if failure else to.suspicion,
        "event": to.event,
        "actor_id": to.actor.id,
        "actor": to.actor.name,
        "via": to.actor.via,
        "reason": to.reason,
        "data": Jsonb(to.data),
    }
