"""The diagnosis of a job in the queue: new, planned for later, or between two attempts."""

from datetime import timedelta
from typing import Final

from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.blockers import blocker_of, later_blockers
from core.diagnosis.cancelling import AT_SWEEP, cancel_remedy, or_cancel
from core.diagnosis.context import JobContext, error_of, name_of, requested_evidence
from core.diagnosis.turns import own_turn, queue_evidence, wait_of
from core.jobs.abandon import is_half_done
from core.jobs.failure import WORKER_GONE
from core.models import BackgroundJob
from core.settings import settings
from core.wording import PROGRAM, spoken

#: A due job starts within a second while a thread is free, or after the next sweep when its wake-up was lost.
PROMPT: Final = timedelta(seconds=10)
_OUR_FAULT: Final = "because of a fault on our side. Nothing is lost"


def queued(context: JobContext) -> Explanation:
    """Explain a job that is due and was never attempted, or was released by its worker."""
    if blocked := blocker_of(context):
        return blocked
    if context.capacity.workers == 0:
        return no_worker(context, f"cannot {'continue' if context.job.started_at else 'start'}: no worker is alive")
    waited = context.now - context.job.run_at
    evidence = (*queue_evidence(context), *requested_evidence(context))
    if wait := wait_of(context):
        return Explanation(f"{name_of(context)} {wait}.", own_turn(context), evidence)
    if waited < PROMPT:
        return Explanation(f"{name_of(context)} starts any moment.", "It starts any moment.", evidence)
    return Explanation(
        f"{name_of(context)} has been due for {spoken(waited)}, and a thread is free; the next sweep starts it.",
        f"It has waited for {spoken(waited)} and is next.",
        evidence,
    )


def scheduled(context: JobContext) -> Explanation:
    """Explain a job that is planned for later."""
    wait = spoken(context.job.run_at - context.now)
    return Explanation(
        f"{name_of(context)} is scheduled: it starts in {wait}.",
        f"It is planned to start in {wait}.",
        (*_later(context), *requested_evidence(context)),
        _start_now(context, "It starts at once instead of at the planned time."),
        or_cancel(context.job),
    )


def _next_start(job: BackgroundJob) -> str:
    """Return when a due job starts; one that has lost several workers waits for one that runs nothing else."""
    is_suspect = job.error_fingerprint == WORKER_GONE.fingerprint and job.token > 1
    return (
        "starts within a minute, alone in a worker, because it has lost several" if is_suspect else "starts any moment"
    )


def retrying(context: JobContext) -> Explanation:
    """Explain a job between two attempts."""
    is_due = context.job.run_at <= context.now
    if is_due and (blocked := blocker_of(context)):
        return blocked
    if is_due and context.capacity.workers == 0:
        return no_worker(context, "cannot continue: no worker is alive", _end_without_worker(context.job))
    job = context.job
    wait = job.run_at - context.now
    when = f"starts in {spoken(wait)}" if wait > timedelta(0) else wait_of(context) or _next_start(job)
    soon = f"in {spoken(wait)}" if wait > timedelta(0) else "as soon as there is room"
    return Explanation(
        f"{name_of(context)} is between attempts: number {job.attempt + 1} of {job.max_attempts} {when}.",
        f"An attempt did not work. The next one, number {job.attempt + 1} of {job.max_attempts}, starts {soon}.",
        (
            f"The last one ended with: {error_of(job)}",
            *_later(context),
            *queue_evidence(context),
            *requested_evidence(context),
        ),
        None if is_due else _start_now(context, "The next attempt starts at once, without the pause."),
        or_cancel(job),
    )


def _end_without_worker(job: BackgroundJob) -> tuple[str, ...]:
    """Return, for a job that is not left half done for ever, the evidence of when it ends."""
    patience = spoken(settings().orphan_patience)
    ends = f"If no worker serves the queue {job.queue} for {patience}, it ends as failed, with its work undone."
    return (ends,) if is_half_done(job) else ()


def no_worker(context: JobContext, problem: str, evidence: tuple[str, ...] = ()) -> Explanation:
    """Explain a job that nothing moves because no worker serves its queue."""
    job, last_seen = context.job, context.capacity.last_seen
    heartbeat = (
        f"The last heartbeat of a worker for this queue was {context.since(last_seen)} ago."
        if last_seen
        else "This queue has never had a worker."
    )
    verb = "stopped" if job.started_at else "cannot start"
    return Explanation(
        f"{name_of(context)} {problem} for the queue {job.queue}.",
        f"It {verb} {_OUR_FAULT}: it goes on when the fault is mended, or ends with a message here.",
        (
            *evidence,
            heartbeat,
            f"It continues as soon as a worker starts ({PROGRAM} worker).",
            *requested_evidence(context),
        ),
        cancel_remedy(job, AT_SWEEP),
        for_admins=f"No worker serves the queue {job.queue}; job {job.id} ({job.kind}) waits for one.",
    )


def _start_now(context: JobContext, effect: str) -> Remedy:
    return Remedy("job.start_now", context.job.id, "Start now", effect)


def _later(context: JobContext) -> tuple[str, ...]:
    """Return, for a job that is not due yet, the evidence of what will keep it from starting then."""
    is_due = context.job.run_at <= context.now
    nobody = () if is_due or context.capacity.workers else (f"No worker serves the queue {context.job.queue} now.",)
    return (*later_blockers(context), *nobody)
