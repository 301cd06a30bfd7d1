"""The endings of an attempt: success, another attempt, failure, settling after a cancel, release.

Each is one transaction: the last writes, the subject's state, the job, the row of its attempt, and its event
(a task's success has none). The caller commits.
"""

import random
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlmodel import Session

from core import bus
from core.database.transient import passes_by
from core.errors import GiveUp
from core.jobs.failure import WORKER_GONE, Failure, failure_of
from core.jobs.failure_words import UNDO_FAILED, customer_error
from core.jobs.fence import Transition, transition
from core.jobs.losses import FREE_RETURNS, returned_too_often, returns_in_place
from core.jobs.proof import is_untouched, state_after
from core.jobs.subject import lock_subject, machine_of, work_of
from core.models import AttemptOutcome, BackgroundJob, JobStatus
from core.operation import JobEnd, Operation
from core.operations import BY_NAME
from core.settings import settings

#: Seconds between attempts never grow beyond this.
MAX_BACKOFF = 300.0


def backoff(attempt: int) -> float:
    """Return the seconds to wait after the `attempt`-th attempt: doubling, with jitter so that a crowd spreads."""
    pause: float = min(MAX_BACKOFF, settings().backoff_seconds * 2 ** (attempt - 1))
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret


def succeed(session: Session, job: BackgroundJob, token: int, result: dict[str, Any] | None) -> None:
    """End the job that is held under `token` well, and move its subject to the target.

    The token is the caller's own: that of the row, read again, may be another holder's. Raises LeaseLost when the job
    is no longer held, or when a cancel was accepted meanwhile.
    """
    kind = BY_NAME[job.kind]
    if isinstance(kind, Operation) and (subject := lock_subject(session, job)):
        kind.machine.set_state(subject, kind.target)
        session.flush()
    _succeed(session, job.id, token, result, SUCCESS)
    _tell(session, job)


def succeed_task(session: Session, job_id: UUID, token: int, result: dict[str, Any] | None) -> None:
    """End a held task well, with what its last step left in the session. Raises LeaseLost as `succeed` does."""
    session.flush()
    _succeed(session, job_id, token, result, TASK_SUCCESS)


def fail_or_retry(session: Session, job: BackgroundJob, failure: Failure) -> None:
    """End the held job's attempt after an error: settle if cancelled, try again while attempts are left, else fail."""
    if job.cancel_requested_at:
        return settle(session, job, cancelled(job))
    if failure.final or job.attempt >= job.max_attempts:
        return fail(session, job, failure)
    delay = max(backoff(job.attempt), failure.after)
    again = Transition(
        status=JobStatus.QUEUED,
        outcome=AttemptOutcome.ERROR,
        event="job.retrying",
        failure=failure,
        delay=delay,
        data={"error": failure.message[:300], "attempt": job.attempt, "delay": round(delay, 1)},
    )
    return requeue(session, job, again)


def fail(
    session: Session, job: BackgroundJob, failure: Failure, outcome: AttemptOutcome = AttemptOutcome.ERROR
) -> None:
    """End a job as failed: its writes are undone, its subject is at the machine's `failed`, if it had begun."""
    ended = Transition(
        status=JobStatus.FAILED,
        outcome=outcome,
        event="job.failed",
        failure=failure,
        data={"error": failure.message[:300], "attempt": job.attempt},
    )
    settle(session, job, ended)


def cancelled(job: BackgroundJob, **change: Any) -> Transition:
    """Return the transition of a job that ends because of a cancel."""
    return replace(CANCELLED, **change) if change else CANCELLED


def settle(session: Session, job: BackgroundJob, to: Transition) -> None:
    """End a job without success: undo the writes of every attempt, settle the subject, move the job.

    A job that never began has nothing to undo: its subject is as before the request. If the undo itself fails, the job
    ends as failed and says so, and never as cancelled; raises what only a busy or absent database has against it.
    """
    kind = BY_NAME.get(job.kind)
    subject = lock_subject(session, job)
    if isinstance(kind, Operation) and subject is not None:
        if not _forget_start(session, job, kind, subject):
            to = _undo(session, job, kind, subject, to)
        kind.machine.set_state(subject, state_after(kind, job, to.status))
        session.flush()
    elif kind is None and subject is not None and not job.has_begun:
        _give_back(session, job, subject)
    transition(session, job.id, job.token, job.status, to)
    _tell(session, job)
    if job.retry_of and to.status is JobStatus.CANCELLED:
        bus.changed(session, job_id=job.retry_of, user_id=job.user_id)  # that failure is open again


def _tell(session: Session, job: BackgroundJob) -> None:
    """Let the job's operation write messages about its end, in the transaction that ends it."""
    kind = BY_NAME.get(job.kind)
    if isinstance(kind, Operation) and kind.on_end:
        session.refresh(job)
        kind.on_end(JobEnd(session, job, customer_error(job) if job.status is JobStatus.FAILED else ""))


def _give_back(session: Session, job: BackgroundJob, subject: Any) -> None:
    """Return a row to its state before a job that this release does not know, and that has not begun."""
    machine = machine_of(job)
    if machine and job.came_from in set(type(machine.failed)):
        machine.set_state(subject, type(machine.failed)(job.came_from))
        session.flush()


def release(session: Session, job: BackgroundJob) -> None:
    """Put a held job back into the queue, its attempt unspent, its steps kept; settle it if a cancel was accepted.

    One that may kill its worker remains a suspect: that it was stopped proves nothing. One that comes back again and
    again, no further each time, spends attempts from FREE_RETURNS on: it may be what stops its workers.
    """
    if job.cancel_requested_at:
        return settle(session, job, cancelled(job))
    returns = returns_in_place(session, job)
    is_free = returns < FREE_RETURNS
    if not is_free and job.attempt >= job.max_attempts:
        return fail(session, job, returned_too_often(returns + 1), AttemptOutcome.HANDED_BACK)
    back = Transition(
        status=JobStatus.QUEUED,
        outcome=AttemptOutcome.HANDED_BACK,
        event="job.handed_back",
        refund=int(is_free),
        suspicion=job.error_fingerprint if job.error_fingerprint == WORKER_GONE.fingerprint else None,
        data={"done": job.progress_done},
    )
    return requeue(session, job, back)


def requeue(session: Session, job: BackgroundJob, to: Transition) -> None:
    """Put a running job back into the queue; a planned one that has not begun has no start."""
    kind, subject = BY_NAME.get(job.kind), lock_subject(session, job)
    if isinstance(kind, Operation) and subject is not None:
        _forget_start(session, job, kind, subject)
    transition(session, job.id, job.token, JobStatus.RUNNING, to)


def _forget_start(session: Session, job: BackgroundJob, kind: Operation[Any, Any], subject: Any) -> bool:
    """Take the start from a job that has not begun, though it may have been claimed; return whether it is one.

    So the ended job still proves what became of its row, and people are told what a cancel would take.
    """
    if not is_untouched(kind, job, subject):
        return False
    job.started_at = None
    session.flush()
    return True


def _succeed(session: Session, job_id: UUID, token: int, result: dict[str, Any] | None, to: Transition) -> None:
    to = to if result is None else replace(to, result=result)
    transition(session, job_id, token, JobStatus.RUNNING, to)


def _undo(session: Session, job: BackgroundJob, kind: Operation[Any, Any], subject: Any, to: Transition) -> Transition:
    try:
        with session.begin_nested():
            kind.undo(work_of(session, job, kind, subject))
    except BaseException as error:  # the job's own failure becomes data, also SystemExit
        if passes_by(error):
            raise  # nothing has ended: whoever ends the job tries again
        failure = failure_of(GiveUp(f"{UNDO_FAILED}, something may be left; Dismiss cleans it. ({error})"))
        return replace(to, status=JobStatus.FAILED, event="job.failed", failure=failure)
    return to


CANCELLED = Transition(status=JobStatus.CANCELLED, outcome=AttemptOutcome.CANCELLED, event="job.cancelled")
SUCCESS = Transition(status=JobStatus.SUCCEEDED, outcome=AttemptOutcome.SUCCEEDED, event="job.succeeded")
TASK_SUCCESS = replace(SUCCESS, event=None)
