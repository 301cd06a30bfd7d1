"""What must always be true, one SQL query each; `doctor`, readyz's detail and every fault test run them.

A query returns the rows that break its invariant, with what identifies them; no rows means that all is well.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from core.diagnosis.invariant import Invariant
from core.diagnosis.message_invariants import MESSAGE_INVARIANTS
from core.diagnosis.unreadable import unreadable_rows
from core.models import PlatformConnection, User
from core.operation import Machine, Operation
from core.operations import MACHINES, operations_on, transitional_states
from core.wording import PROGRAM

#: Most rows shown of one violation.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant, with at most SHOWN of the rows that break it."""

    invariant: Invariant
    rows: Sequence[dict[str, Any]]


#: The last job of each row of each machine: the active one, or else the newest.
_LAST = """WITH last AS (
    SELECT DISTINCT ON (j.machine, coalesce(j.connection_id, j.user_id))
        j.*, coalesce(j.connection_id, j.user_id) AS row_id
    FROM background_jobs j
    WHERE j.machine IS NOT NULL AND coalesce(j.connection_id, j.user_id) IS NOT NULL
    ORDER BY j.machine, coalesce(j.connection_id, j.user_id), (j.status IN ('queued', 'running')) DESC,
        j.created_at DESC, j.id DESC
)"""


def _on_each_machine(query: Callable[[Machine[Any]], str]) -> str:
    """Return one query over the rows of every machine, built from the declarations."""
    return " UNION ALL ".join(f"({query(machine)})" for machine in MACHINES)


def _row(machine: Machine[Any]) -> str:
    """Return the columns that identify a row `r` of a machine."""
    email = "r.email" if machine.table is User else "CAST(NULL AS text)"
    return f"r.id, {email} AS email, '{machine.name}' AS machine, r.{machine.column}::text AS state"


def _transitional_without_a_job(machine: Machine[Any]) -> str:
    states = ", ".join(f"'{state}'" for state in transitional_states(machine))
    return f"""SELECT {_row(machine)} FROM {machine.table.__tablename__} r
        WHERE r.{machine.column} IN ({states}) AND NOT EXISTS (
            SELECT 1 FROM background_jobs j WHERE j.machine = '{machine.name}'
            AND coalesce(j.connection_id, j.user_id) = r.id AND j.status IN ('queued', 'running'))"""  # noqa: S608


def _not_where_the_last_job_left_it(machine: Machine[Any]) -> str:
    """Ending a job before it begins returns the row to its earlier state; unknown kinds are ignored.

    A planned job, due later than it was requested, leaves the row alone until it begins, which is soon after its claim.
    """
    subject = "connection_id" if machine.table is PlatformConnection else "user_id"

    def by_kind(value_of: Callable[[Operation[Any, Any]], object], otherwise: str = f"r.{machine.column}") -> str:
        cases = " ".join(f"WHEN '{each.name}' THEN '{value_of(each)}'" for each in operations_on(machine))
        return f"CASE l.kind {cases} ELSE {otherwise} END"

    return f"""SELECT {_row(machine)}, l.kind, l.status FROM last l
        JOIN {machine.table.__tablename__} r ON r.id = l.row_id
        WHERE l.machine = '{machine.name}' AND r.{machine.column} <> CASE
            WHEN l.status IN ('queued', 'running') AND l.run_at > l.created_at AND l.progress_total = 0
                AND r.{machine.column} = l.came_from THEN l.came_from
            WHEN l.status IN ('queued', 'running') THEN {by_kind(lambda each: each.during)}
            WHEN l.status IN ('cancelled', 'failed') AND l.token > 0 AND l.started_at IS NULL
                OR l.status = 'cancelled' AND l.token = 0 THEN coalesce(l.came_from, r.{machine.column})
            WHEN l.status = 'cancelled' AND l.progress_done < {by_kind(lambda each: each.returns_before, "0")}
                THEN coalesce(l.came_from, r.{machine.column})
            WHEN l.status = 'succeeded' THEN {by_kind(lambda each: each.target)}
            WHEN l.status = 'cancelled' THEN {by_kind(lambda each: each.cancelled_state)}
            ELSE '{machine.failed}' END
          AND NOT EXISTS (SELECT 1 FROM events e WHERE e.{subject} = r.id AND e.name = '{machine.repair}ed'
                          AND e.data ->> 'now' = r.{machine.column} AND e.at > l.updated_at)"""  # noqa: S608


_RETRY_OR_DISMISS = "Open the user's page: Repair sets the state that the last job proves."

INVARIANTS = (
    Invariant(
        "one ending",
        "a job ends at most once",
        """SELECT job_id, count(*) AS endings FROM (
               SELECT job_id FROM events WHERE job_id IS NOT NULL AND name IN ('job.failed', 'job.cancelled')
               UNION ALL SELECT id FROM background_jobs WHERE status = 'succeeded'
               UNION ALL SELECT a.job_id FROM job_attempts a JOIN background_jobs j ON j.id = a.job_id
               WHERE a.outcome = 'succeeded' AND (j.status <> 'succeeded' OR j.token <> a.token)) ended
           GROUP BY job_id HAVING count(*) > 1""",
        "Compare the job's attempts and events with its status; the first ending is the true one. Please report this.",
    ),
    Invariant(
        "ended is dated",
        "a job has finished_at exactly when it has ended",
        """SELECT id, kind, status, finished_at FROM background_jobs
           WHERE (status IN ('succeeded', 'failed', 'cancelled')) <> (finished_at IS NOT NULL)""",
        "Someone edited the status. Repair on the user's page ends the job; of another job, set finished_at by hand.",
    ),
    Invariant(
        "status agrees with the events",
        "the last ending in a job's events matches its status",
        """SELECT j.id, j.kind, j.status, e.name AS event FROM background_jobs j
           JOIN LATERAL (SELECT name FROM events WHERE job_id = j.id AND name IN
                ('job.succeeded', 'job.failed', 'job.cancelled') ORDER BY id DESC LIMIT 1) e ON true
           WHERE e.name <> 'job.' || j.status""",
        "Someone edited the status after the end. Set it back to what the event says; use Retry for a new run.",
    ),
    Invariant(
        "cancel is kept",
        "a job with an accepted cancel does not succeed",
        """SELECT id, kind, cancel_requested_at FROM background_jobs
           WHERE cancel_requested_at IS NOT NULL AND status = 'succeeded'""",
        "Start the opposite operation for this user. Please report this defect.",
    ),
    Invariant(
        "attempts are bounded",
        "no job exceeds its maximum number of attempts",
        "SELECT id, kind, attempt, max_attempts FROM background_jobs WHERE attempt > max_attempts OR attempt < 0",
        "Cancel the job and start a new one.",
    ),
    Invariant(
        "token never goes back",
        "a job's lease token is at least as high as that of each of its attempts",
        """SELECT j.id, j.token, max(a.token) AS used FROM background_jobs j JOIN job_attempts a ON a.job_id = j.id
           GROUP BY j.id, j.token HAVING max(a.token) > j.token""",
        "Someone edited the row. Set the token above the highest one used, or an old worker may write again.",
    ),
    Invariant(
        "one success",
        "each claim of a job before the one that succeeded has an attempt",
        # A success has no attempt of its own, so an earlier one would be missing. The sample's jobs were never claimed.
        """SELECT j.id, j.kind, j.token, count(a.token) AS attempts FROM background_jobs j
           LEFT JOIN job_attempts a ON a.job_id = j.id AND a.token < j.token
           WHERE j.status = 'succeeded' AND j.token > 1 AND j.claimed_at IS NOT NULL
           GROUP BY j.id HAVING count(a.token) < j.token - 1""",
        "Someone edited the job or deleted its attempts. If not, it ran to its end twice: please report this.",
    ),
    Invariant(
        "one holder",
        "a running job's token has no attempt that has ended; an attempt that still runs is its job's",
        """SELECT a.job_id, a.token, j.status, a.outcome, a.worker_id
           FROM job_attempts a JOIN background_jobs j ON j.id = a.job_id
           WHERE (a.outcome = 'running' OR (j.status = 'running' AND j.token = a.token))
             AND (a.outcome <> 'running' OR j.status <> 'running' OR j.token <> a.token
                  OR j.worker_id IS DISTINCT FROM a.worker_id)""",
        "Someone edited the job. No worker runs it any more, and its old worker can write nothing.",
    ),
    Invariant(
        "running is claimed",
        "a running job has a worker, a time limit and the time of its claim",
        # Of a claim by a worker of an earlier release, the attempt has the time.
        """SELECT j.id, j.kind, j.worker_id, j.deadline_at, j.claimed_at FROM background_jobs j
           LEFT JOIN job_attempts a ON a.job_id = j.id AND a.token = j.token AND a.outcome = 'running'
           WHERE j.status = 'running'
             AND (j.worker_id IS NULL OR j.deadline_at IS NULL OR coalesce(j.claimed_at, a.started_at) IS NULL)""",
        "The next sweep returns it to the queue. If it stays, check that a worker is alive, then cancel it.",
        is_cheap=True,
    ),
    Invariant(
        "queued has no worker",
        "a queued job belongs to no worker",
        "SELECT id, kind, worker_id FROM background_jobs WHERE status = 'queued' AND worker_id IS NOT NULL",
        "Someone edited the job. Set its worker_id to null.",
        is_cheap=True,
    ),
    Invariant(
        "one active job",
        "a row has at most one active job on each of its machines",
        """SELECT machine, coalesce(connection_id, user_id) AS row, count(*) AS jobs FROM background_jobs
           WHERE machine IS NOT NULL AND status IN ('queued', 'running')
           GROUP BY 1, 2 HAVING count(*) > 1""",
        f"The index uq_background_jobs_one_active is missing: run {PROGRAM} migrate --check. Cancel all but one.",
        is_cheap=True,
    ),
    Invariant(
        "transitional means active job",
        "a row in a transitional state has an active job",
        _on_each_machine(_transitional_without_a_job),
        _RETRY_OR_DISMISS,
        is_cheap=True,
    ),
    Invariant(
        "state says what the last job says",
        "a row is in the state that follows from its last job",
        _on_each_machine(_not_where_the_last_job_left_it),
        _RETRY_OR_DISMISS,
    ),
    Invariant(
        "done is complete",
        "an enabled user has exactly the interactions that their last job reported",
        """SELECT u.id, u.email, b.result ->> 'interactions' AS reported, n.found
            FROM last l JOIN users u ON u.id = l.row_id
            CROSS JOIN LATERAL (SELECT status, result FROM background_jobs j
                WHERE j.user_id = u.id AND j.machine = l.machine AND j.token > 0
                AND j.started_at IS NOT NULL
                ORDER BY j.created_at DESC, j.id DESC LIMIT 1) b
            CROSS JOIN LATERAL (SELECT count(*) AS found FROM interactions i WHERE i.user_id = u.id AND i.is_demo) n
            WHERE l.machine = 'users.demo_mode_status' AND u.demo_mode_status = 'enabled' AND b.status = 'succeeded'
              AND l.status NOT IN ('queued', 'running')
              AND (b.result ->> 'interactions') IS NOT NULL
              AND (b.result ->> 'interactions') <> n.found::text""",
        "Open the user's page and press Fill again, or switch the creator there.",
    ),
    Invariant(
        "off leaves nothing",
        "a user with demo mode off or failed, and no active job, has no demo interactions",
        """SELECT u.id, u.email, u.demo_mode_status, n.found
            FROM last l JOIN users u ON u.id = l.row_id
            CROSS JOIN LATERAL (SELECT count(*) AS found FROM interactions i WHERE i.user_id = u.id AND i.is_demo) n
            WHERE l.machine = 'users.demo_mode_status' AND u.demo_mode_status IN ('disabled', 'failed') AND n.found > 0
              AND l.status NOT IN ('queued', 'running')""",
        "Enable demo mode and disable it again. If the state is failed, use Dismiss, which cleans up.",
    ),
    Invariant(
        "requested once",
        "a job was requested exactly once",
        """SELECT job_id, count(*) AS requests FROM events WHERE name = 'job.requested' AND job_id IS NOT NULL
           GROUP BY job_id HAVING count(*) > 1""",
        "Please report this defect.",
    ),
    Invariant(
        "rows are readable",
        "this release can read every row",
        unreadable_rows(),
        "Correct the named columns, or run the release that wrote them. Until then no worker acts on such a row.",
    ),
    *MESSAGE_INVARIANTS,
)


def violations(session: Session, *, cheap_only: bool = False) -> Iterator[Violation]:
    """Yield every broken invariant with rows that break it. Reads the whole history unless `cheap_only`."""
    for invariant in INVARIANTS:
        if cheap_only and not invariant.is_cheap:
            continue
        statement = f"{_LAST} SELECT * FROM ({invariant.sql}) broken LIMIT {SHOWN}"  # noqa: S608 - our own text
        result = session.connection().execute(text(statement))
        if rows := [dict(row._mapping) for row in result]:  # noqa: SLF001 - its public name
            yield Violation(invariant, rows)
