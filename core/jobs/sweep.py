"""Sweeping: whatever a dead worker, a lost bell or a stuck step left behind is picked up here.

Safe with any number of sweepers at once: row locks decide, there is no leader. Time is the database's clock alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from core import bus
from core.jobs import finish
from core.jobs.failure import Failure, fingerprint
from core.jobs.fence import Transition, transition
from core.jobs.subject import lock_held
from core.models import AttemptOutcome, BackgroundJob, JobAttempt, JobStatus

#: Jobs that one sweep rescues; the next sweep takes the rest.
BATCH = 200

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

_DUE = text("""
    SELECT queue, count(*) AS waiting FROM (
        SELECT queue FROM background_jobs
        WHERE status = 'queued' AND run_at <= statement_timestamp()
          AND queue <> ALL (ARRAY(SELECT name FROM queues WHERE paused_at IS NOT NULL))
          AND kind <> ALL (ARRAY(SELECT kind FROM job_kinds WHERE paused_at IS NOT NULL))
        LIMIT 1000
    ) due GROUP BY queue
""")


#: A holder that froze in the middle of a transaction keeps its locks for a while: come back at the next sweep.
_BE_BRIEF = text("SET LOCAL lock_timeout = '1s'")


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running job that nobody works on any more, and why: its worker is gone, or its step took too long."""

    id: UUID
    token: int
    why: str


def mark_lost_workers(session: Session, lease: timedelta) -> int:
    """Presume dead every worker that has been silent for longer than `lease`; return how many."""
    return len(session.connection().execute(_MARK_LOST, {"lease": lease.total_seconds()}).all())


def orphans(session: Session) -> list[Orphan]:
    """Return running jobs whose worker is gone or whose next checkpoint is overdue, oldest first."""
    rows = session.connection().execute(_LOST_JOBS, {"batch": BATCH})
    return [Orphan(row.id, row.token, row.why) for row in rows]


def rescue(session: Session, orphan: Orphan) -> bool:
    """Take an orphan away from its holder: to rest if cancelled, back to the queue, or failed at its last attempt.

    Returns False when another sweeper, or the holder itself, was quicker. The caller commits.
    """
    session.connection().execute(_BE_BRIEF)
    job = lock_held(session, orphan.id, orphan.token)
    if job is None:
        return False
    if job.cancel_requested_at:
        finish.settle(session, job, finish.cancelled(job))
    elif job.attempt >= job.max_attempts:
        finish.fail(session, job, _last_straw(session, job, orphan), AttemptOutcome.LOST)
    else:
        failure = _loss(_SAYS[orphan.why])
        again = Transition(
            status=JobStatus.QUEUED,
            outcome=AttemptOutcome.LOST,
            event="job.rescued",
            failure=failure,
            data={"error": failure.message, "attempt": job.attempt},
        )
        transition(session, job.id, job.token, JobStatus.RUNNING, again)
    return True


def wake_due(session: Session) -> Iterator[tuple[str, int]]:
    """Note a ring for every queue with due jobs that no bell has woken yet; yield (queue, waiting <= 1000)."""
    for row in session.connection().execute(_DUE):
        bus.wake(session, row.queue, row.waiting)
        yield row.queue, row.waiting


def _last_straw(session: Session, job: BackgroundJob, orphan: Orphan) -> Failure:
    lost = session.exec(
        select(func.count())
        .select_from(JobAttempt)
        .where(
            col(JobAttempt.job_id) == job.id,
            col(JobAttempt.outcome).in_((AttemptOutcome.LOST, AttemptOutcome.RUNNING)),
        )
    ).one()
    if orphan.why == "worker":
        return _loss(f"worker lost {lost} times: whatever this job does ends the worker that runs it.")
    return _loss(_SAYS["step"])


def _loss(message: str) -> Failure:
    return Failure("WorkerLost", message, "", fingerprint("WorkerLost", message))


_SAYS = {
    "worker": "The worker that ran this job died or went silent; another one takes over.",
    "step": "The job reached no checkpoint within its time limit and was taken away from its worker.",
}
