"""Sweeping: jobs left behind by a dead worker, a lost wake-up or a stuck step continue from here.

Any number of sweepers may run at once: row locks decide, there is no leader. No host's time of day counts. The
database's may step: what it calls overdue is taken only after a sweeper has watched it stay so (`Sweeper`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from core import bus
from core.database.statement import Statement
from core.jobs import finish
from core.jobs.due import DueQueue, due_queues
from core.jobs.failure import WORKER_GONE, Failure, lost
from core.jobs.fence import Transition
from core.jobs.losses import Losses, is_free, is_last, losses_of, lost_again, overdue_again
from core.jobs.subject import lock_held, wait_briefly
from core.models import AttemptOutcome, BackgroundJob, JobStatus, Worker

#: Maximum jobs per sweep; the next sweep takes the rest.
BATCH = 200
#: Maximum wake-ups per queue and sweep: a woken thread takes job after job.
WAKEUPS = 100

_HEARTBEATS = text("""
    SELECT id, heartbeat_at::text AS at, lease,
           heartbeat_at < statement_timestamp() - make_interval(secs => lease) AS is_expired
    FROM workers, LATERAL (SELECT greatest(lease_seconds, :lease) AS lease) AS longer
    WHERE stopped_at IS NULL AND lost_at IS NULL
""")
#: A worker that has sent a heartbeat since it was looked at is alive.
_MARK_LOST = text("""
    UPDATE workers SET lost_at = statement_timestamp()
    WHERE id = :id AND heartbeat_at::text = :at AND stopped_at IS NULL AND lost_at IS NULL
""")

_LOST_JOBS = Statement("""
    SELECT j.id, j.token, CASE WHEN w.id IS NULL THEN 'worker' ELSE 'step' END AS why
    FROM background_jobs j
    LEFT JOIN workers w ON w.id = j.worker_id AND w.lost_at IS NULL AND w.stopped_at IS NULL
    WHERE j.status = 'running' AND (w.id IS NULL OR j.deadline_at < statement_timestamp())
    ORDER BY why DESC, j.started_at LIMIT :batch
""")

_DEADLINES = text("""
    SELECT id, token, deadline_at::text AS at FROM background_jobs
    WHERE status = 'running' AND deadline_at < statement_timestamp() + make_interval(secs => :within)
""")

# Such a job was written before the database's clock was put back: it would wait until the clock is there again. What a
# person has scheduled for a time of day stays as it is.
_BRING_FORWARD = text("""
    UPDATE background_jobs SET run_at = statement_timestamp() + greatest(run_at - updated_at, interval '0'),
                               updated_at = statement_timestamp()
    WHERE id IN (
        SELECT id FROM background_jobs
        WHERE status = 'queued' AND run_at > statement_timestamp() AND isfinite(run_at)
          AND updated_at > statement_timestamp() + interval '1 second' AND (run_at <= updated_at OR attempt > 0)
        LIMIT :batch FOR UPDATE SKIP LOCKED
    )
""")


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running job without a working worker, and the cause: its worker is gone, or its step took too long."""

    id: UUID
    token: int
    why: str


@dataclass(frozen=True, slots=True)
class LastHeartbeat:
    """The latest heartbeat of a worker, as text, and whether the lease is over by the database's clock."""

    id: UUID
    at: str
    is_expired: bool
    #: The longer one of its own lease and that of who looks, in seconds.
    lease: float


def last_heartbeats(session: Session, lease: timedelta) -> list[LastHeartbeat]:
    """Return the latest heartbeat of every worker that neither stopped nor was marked as lost."""
    rows = session.connection().execute(_HEARTBEATS, {"lease": lease.total_seconds()})
    return [LastHeartbeat(row.id, row.at, row.is_expired, row.lease) for row in rows]


def mark_lost_workers(session: Session, silent: Iterable[LastHeartbeat]) -> int:
    """Mark workers as lost, but for those that have sent another heartbeat since; return their number."""
    connection = session.connection()
    return sum(connection.execute(_MARK_LOST, {"id": each.id, "at": each.at}).rowcount for each in silent)


def orphans(session: Session) -> list[Orphan]:
    """Return running jobs whose worker is gone or whose next checkpoint is overdue, the former and oldest first."""
    rows = _LOST_JOBS.run_on(session.connection(), {"batch": BATCH})
    return [Orphan(row.id, row.token, row.why) for row in rows]


def deadlines(session: Session, within: float) -> dict[tuple[UUID, int], str]:
    """Return by id and token when running jobs must come to a checkpoint, as text, if within so many seconds."""
    rows = session.connection().execute(_DEADLINES, {"within": within})
    return {(row.id, row.token): row.at for row in rows}


def bring_forward(session: Session) -> int:
    """Make up to BATCH queued jobs due that wait only because the database's clock was put back; return their number.

    A retry keeps its pause. It reads every queued job, so it is for the moments at which the clock may have stepped.
    """
    return session.connection().execute(_BRING_FORWARD, {"batch": BATCH}).rowcount


def rescue(session: Session, orphan: Orphan) -> bool:
    """Take an orphan from its worker: settle it if cancelled, fail it after its last attempt, else queue it again.

    An attempt that came further than the one before is no sign of a job that kills its workers, and is not spent, up
    to FREE_LOSSES times (core/jobs/losses.py).
    Returns False when another sweeper or the worker itself was faster. The caller commits.
    """
    wait_briefly(session)
    job = lock_held(session, orphan.id, orphan.token)
    if job is None:
        return False
    if job.cancel_requested_at:
        finish.settle(session, job, finish.cancelled(job))
        return True
    if _has_stopped(session, job):
        finish.release(session, job)
        return True
    before = losses_of(session, job.id)
    if is_last(job, before):
        finish.fail(session, job, _final_loss(orphan, before), AttemptOutcome.LOST)
    else:
        finish.requeue(session, job, _requeued(job, orphan, has_moved_on=is_free(job, before)))
    return True


def _has_stopped(session: Session, job: BackgroundJob) -> bool:
    """Tell whether the job's worker was stopped, and left it because its rows were locked: then nothing was lost."""
    worker = session.get(Worker, job.worker_id) if job.worker_id else None
    return worker is not None and worker.stopped_at is not None


def wake_due(session: Session, worker_id: UUID, queues: Collection[str], kinds: Collection[str]) -> list[DueQueue]:
    """Send wake-ups to those of a worker's queues that have jobs it may start, and return them (waiting <= WAKEUPS)."""
    due = due_queues(session.connection(), worker_id, queues, kinds, most=WAKEUPS, alone=True)
    for queue, _, _ in due:
        bus.wake(session, queue)
    return due


def _requeued(job: BackgroundJob, orphan: Orphan, *, has_moved_on: bool) -> Transition:
    failure = _FAILURES[orphan.why]
    return Transition(
        status=JobStatus.QUEUED,
        outcome=AttemptOutcome.LOST,
        event="job.rescued",
        failure=failure,
        refund=int(has_moved_on),
        data={
            "error": failure.message,
            "attempt": job.attempt,
            "done": job.progress_done,
            "moved_on": has_moved_on,
        },
    )


def _final_loss(orphan: Orphan, before: Losses) -> Failure:
    """Return the failure of a job that was lost at its last attempt; it names every loss, also the free ones."""
    if not before.in_place:
        return _FINAL[orphan.why]
    if orphan.why == "step":
        return overdue_again(before.all + 1)
    return lost_again(before.in_place + 1, before.free)


_STEP_OVERDUE = lost("The job reached no checkpoint within its time limit and was taken from its worker.")
_FAILURES = {"worker": WORKER_GONE, "step": _STEP_OVERDUE}
_FINAL = {
    "worker": lost("The worker that ran the job's last attempt died or went silent."),
    "step": _STEP_OVERDUE,
}
