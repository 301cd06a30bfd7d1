"""Abandoning: a job that is half done ends as failed when, for a long time, no worker could go on with it.

That is one that has lost its worker, and an operation between two attempts: its user is not left half-way for as long
as no worker is started. Jobs that have not begun, and those that a stopping worker has handed back, keep waiting.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from core.jobs import finish
from core.jobs.due import QUEUES_IN_USE
from core.jobs.failure import MESSAGE_LIMIT, Failure, lost
from core.jobs.subject import lock_job, wait_briefly
from core.models import WORKER_LOST, AttemptOutcome, BackgroundJob, JobStatus
from core.wording import spoken

#: What stands before the error of the last attempt in that of an abandoned job.
LAST_ERROR: Final = "The last attempt ended with: "
#: Maximum jobs per look; the next one takes the rest.
BATCH = 200

# A worker was there until its last heartbeat, or until it stopped or was presumed dead: after the database's clock was
# put back, a heartbeat may be in the future.
_IS_UNSERVED = """NOT EXISTS (SELECT FROM queues q WHERE q.name = {queue} AND q.paused_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM workers w WHERE {queue} = ANY(w.queues || w.quiet_queues)
          AND least(w.heartbeat_at, w.lost_at, w.stopped_at) > statement_timestamp() - CAST(:patience AS interval))"""
# A job that a person has stopped waits for that person.
_IS_STOPPED = """EXISTS (SELECT FROM job_kinds k WHERE k.kind = {kind}
          AND (k.paused_at IS NOT NULL OR k.max_running = 0 OR k.max_per_worker = 0))"""
#: As `is_half_done`, of a queued job.
HALF_DONE: Final = (
    f"(started_at IS NOT NULL AND (error_type = '{WORKER_LOST}' OR (machine IS NOT NULL AND error_type IS NOT NULL)))"
)
# Without an unserved queue, it reads one row of each queue.
_ABANDONED = text(f"""
    WITH RECURSIVE {QUEUES_IN_USE}, unserved AS MATERIALIZED (
        SELECT queue FROM names WHERE queue IS NOT NULL AND {_IS_UNSERVED.format(queue="names.queue")}
    )
    SELECT j.id, j.token FROM unserved u JOIN background_jobs j ON j.queue = u.queue
    WHERE j.status = 'queued' AND j.run_at <= statement_timestamp() AND {HALF_DONE}
      AND NOT {_IS_STOPPED.format(kind="j.kind")}
    ORDER BY j.run_at LIMIT {BATCH}
""")  # noqa: S608 - constants of this program
_STILL_UNSERVED = text(f"SELECT {_IS_UNSERVED.format(queue=':queue')} AND NOT {_IS_STOPPED.format(kind=':kind')}")


def abandoned(session: Session, patience: timedelta) -> list[tuple[UUID, int]]:
    """Return (id, token) of due jobs that are half done, while no worker has served their queue for long."""
    rows = session.connection().execute(_ABANDONED, {"patience": patience})
    return [(row.id, row.token) for row in rows]


def abandon(session: Session, job_id: UUID, token: int, patience: timedelta) -> bool:
    """End such a job as failed, with its work undone; False if a worker or a person was faster. The caller commits."""
    wait_briefly(session)
    job = lock_job(session, job_id)
    if job is None or job.token != token or not is_half_done(job):
        return False
    values = {"queue": job.queue, "kind": job.kind, "patience": patience}
    if not session.connection().execute(_STILL_UNSERVED, values).scalar_one():
        return False
    finish.fail(session, job, _failure(job, patience), AttemptOutcome.LOST)
    return True


def is_half_done(job: BackgroundJob) -> bool:
    """Tell whether a queued job ends as failed if no worker comes: it has begun, and none will finish its attempt."""
    is_operation = job.machine is not None and job.error_type is not None
    return job.status is JobStatus.QUEUED and job.has_begun and (is_operation or job.error_type == WORKER_LOST)


def _failure(job: BackgroundJob, patience: timedelta) -> Failure:
    """Return what the job ends with; an error of its own keeps its type and its group."""
    unserved = f"has served the queue {job.queue} for {spoken(patience)}"
    if job.error_type == WORKER_LOST:
        return lost(f"The worker that ran this job was lost, and no other one {unserved}.")
    message = f"No worker {unserved}, so there was no other attempt. {LAST_ERROR}{job.error_message}"
    own = job.error_type or "", message[:MESSAGE_LIMIT], job.error_traceback or "", job.error_fingerprint or ""
    return Failure(*own)
