"""Sweeping: jobs left behind by a dead worker, a lost wake-up or a stuck step continue from here.

Any number of sweepers may run at once: row locks decide, there is no leader. Only the database's clock counts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from core import bus
from core.jobs import finish
from core.jobs.due import DueQueue, due_queues
from core.jobs.failure import Failure, fingerprint
from core.jobs.fence import Transition, transition
from core.jobs.subject import lock_held
from core.models import AttemptOutcome, BackgroundJob, JobAttempt, JobStatus

#: Maximum jobs per sweep; the next sweep takes the rest.
BATCH = 200
#: Maximum wake-ups per queue and sweep: a woken thread takes job after job.
WAKEUPS = 100

_MARK_LOST = text("""
    UPDATE workers SET lost_at = statement_timestamp()
    WHERE stopped_at IS NULL AND lost_at IS NULL
      AND heartbeat_at < statement_timestamp() - make_interval(secs => :lease)
    RETURNING id
""")

_LOST_JOBS = text("""
    SELECT j.id, j.token,
           CASE WHEN w.id IS NULL THEN 'worker' ELSE 'step' END AS why
    FROM background_jobs j
    LEFT JOIN workers w ON w.id = j.worker_id AND w.lost_at IS NULL AND w.stopped_at IS NULL
    WHERE j.status = 'running' AND (w.id IS NULL OR j.deadline_at < statement_timestamp())
    ORDER BY j.started_at LIMIT :batch
""")

#: A worker that froze inside a transaction keeps its locks for a while: leave its job to the next sweep.
_SHORT_LOCK_WAIT = text("SET LOCAL lock_timeout = '1s'")


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running job without a working worker, and the cause: its worker is gone, or its step took too long."""

    id: UUID
    token: int
    why: str


def mark_lost_workers(session: Session, lease: timedelta) -> int:
    """Mark every worker without a heartbeat for longer than `lease` as lost; return their number."""
    return len(session.connection().execute(_MARK_LOST, {"lease": lease.total_seconds()}).all())


def orphans(session: Session) -> list[Orphan]:
    """Return running jobs whose worker is gone or whose next checkpoint is overdue, oldest first."""
    rows = session.connection().execute(_LOST_JOBS, {"batch": BATCH})
    return [Orphan(row.id, row.token, row.why) for row in rows]


def rescue(session: Session, orphan: Orphan) -> bool:
    """Take an orphan from its worker: settle it if cancelled, fail it after its last attempt, else queue it again.

    Returns False when another sweeper or the worker itself was faster. The caller commits.
    """
    session.connection().execute(_SHORT_LOCK_WAIT)
    job = lock_held(session, orphan.id, orphan.token)
    if job is None:
        return False
    if job.cancel_requested_at:
        finish.settle(session, job, finish.cancelled(job))
    elif job.attempt >= job.max_attempts:
        finish.fail(session, job, _final_loss(session, job, orphan), AttemptOutcome.LOST)
    else:
        failure = _loss(_MESSAGES[orphan.why])
        requeue = Transition(
            status=JobStatus.QUEUED,
            outcome=AttemptOutcome.LOST,
            event="job.rescued",
            failure=failure,
            data={"error": failure.message, "attempt": job.attempt},
        )
        transition(session, job.id, job.token, JobStatus.RUNNING, requeue)
    return True


def wake_due(session: Session, worker_id: UUID, queues: Collection[str], kinds: Collection[str]) -> list[DueQueue]:
    """Send wake-ups to those of a worker's queues that have jobs it may start, and return them (waiting <= WAKEUPS)."""
    due = due_queues(session.connection(), worker_id, queues, kinds, most=WAKEUPS)
    for queue, _, _ in due:
        bus.wake(session, queue)
    return due


def _final_loss(session: Session, job: BackgroundJob, orphan: Orphan) -> Failure:
    losses = session.exec(
        select(func.count())
        .select_from(JobAttempt)
        .where(
            col(JobAttempt.job_id) == job.id,
            col(JobAttempt.outcome).in_((AttemptOutcome.LOST, AttemptOutcome.RUNNING)),
        )
    ).one()
    if orphan.why == "worker":
        return _loss(f"worker lost {losses} times: this job probably kills the worker that runs it.")
    return _loss(_MESSAGES["step"])


def _loss(message: str) -> Failure:
    return Failure("WorkerLost", message, "", fingerprint("WorkerLost", message))


_MESSAGES = {
    "worker": "The worker that ran this job died or went silent; another one takes over.",
    "step": "The job reached no checkpoint within its time limit and was taken from its worker.",
}
