"""The diagnosis of a job in the queue: new, planned for later, or between two attempts."""

from datetime import timedelta
from typing import Final

from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.blockers import blocker_of, later_blockers
from core.diagnosis.cancelling import or_cancel
from core.diagnosis.context import JobContext, name_of, requested_evidence
from core.diagnosis.lost import unknown_kind, unserved, unserved_start
from core.diagnosis.turns import own_turn, queue_evidence, wait_of
from core.jobs.failure import WORKER_GONE
from core.jobs.failure_words import error_of
from core.models import BackgroundJob
from core.wording import spoken

#: A due job starts within a second while a thread is free, or after the next sweep when its wake-up was lost.
PROMPT: Final = timedelta(seconds=10)


def queued(context: JobContext) -> Explanation:
    """Explain a job that is due and was never attempted, or was released by its worker."""
    if _is_unknown(context):
        return unknown_kind(context)
    if blocked := blocker_of(context):
        return blocked
    if context.capacity.workers == 0:
        return unserved_start(context)
    waited = context.now - context.job.run_at
    evidence = (*_before(context.job), *queue_evidence(context), *requested_evidence(context))
    if wait := wait_of(context):
        return Explanation(f"{name_of(context)} {wait}.", own_turn(context), evidence)
    if waited < PROMPT or is_suspect(context.job):
        own = "It starts within a minute." if is_suspect(context.job) else "It starts any moment."
        return Explanation(f"{name_of(context)} {_next_start(context)}.", own, evidence)
    if context.is_kept_waiting:
        return Explanation(
            f"{name_of(context)} has been due for {spoken(waited)}: the threads that are free are kept, for a minute "
            "at most, from others than a job that may kill its worker.",
            f"It has waited for {spoken(waited)} and starts within a minute.",
            evidence,
        )
    return Explanation(
        f"{name_of(context)} has been due for {spoken(waited)}, and a thread is free; the next sweep starts it.",
        f"It has waited for {spoken(waited)} and is next.",
        evidence,
    )


def _is_unknown(context: JobContext) -> bool:
    """Tell whether no worker of this release would start a job that no person has stopped."""
    return not (context.facts.is_known or context.controls.hold)


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


def _next_start(context: JobContext) -> str:
    """Return when a due job starts; one that may kill its worker waits for one that runs nothing else."""
    if not is_suspect(context.job):
        return "starts any moment"
    number = "several" if context.losses.all > 1 else "one"
    return f"starts within a minute, alone in a worker, because it has lost {number}"


def is_suspect(job: BackgroundJob) -> bool:
    """Tell whether a job may kill its worker, as a claim sees it (NOT_SUSPECT in core/jobs/claim.py)."""
    is_near_its_end = job.attempt >= max(job.max_attempts - 1, 1)
    return job.error_fingerprint == WORKER_GONE.fingerprint and (is_near_its_end or job.token > 1)


def _before(job: BackgroundJob) -> tuple[str, ...]:
    """Return how the attempt before ended, if one that does not count has."""
    return (f"The last attempt ended with: {error_of(job)}",) if job.error_message else ()


def retrying(context: JobContext) -> Explanation:
    """Explain a job between two attempts."""
    is_due = context.job.run_at <= context.now
    if is_due and _is_unknown(context):
        return unknown_kind(context)
    if is_due and (blocked := blocker_of(context)):
        return blocked
    if is_due and context.capacity.workers == 0:
        return unserved_start(context)
    job = context.job
    wait = job.run_at - context.now
    when = f"starts in {spoken(wait)}" if wait > timedelta(0) else wait_of(context) or _next_start(context)
    soon = f"in {spoken(wait)}" if wait > timedelta(0) else "as soon as there is room"
    # The pause is for what failed to recover: before the last attempt, waiting is what helps.
    is_last = job.attempt + 1 >= job.max_attempts
    risk = " It is the last one: waiting makes it more likely to work." if is_last else ""
    start_now = _start_now(context, f"The next attempt starts at once, without the pause.{risk}")
    return Explanation(
        f"{name_of(context)} is between attempts: number {job.attempt + 1} of {job.max_attempts} {when}.",
        f"An attempt did not work. The next one, number {job.attempt + 1} of {job.max_attempts}, starts {soon}.",
        (
            f"The last one ended with: {error_of(job)}",
            *_later(context),
            *queue_evidence(context),
            *requested_evidence(context),
        ),
        None if is_due or is_last else start_now,
        (start_now, *or_cancel(job)) if is_last and not is_due else or_cancel(job),
    )


def _start_now(context: JobContext, effect: str) -> Remedy:
    return Remedy("job.start_now", context.job.id, "Start now", effect)


def _later(context: JobContext) -> tuple[str, ...]:
    """Return, for a job that is not due yet, the evidence of what will keep it from starting then."""
    is_due = context.job.run_at <= context.now
    known = () if is_due or context.facts.is_known else ("It will not start then either: no worker knows this kind.",)
    if is_due or context.capacity.workers:
        return (*later_blockers(context), *known)
    return (*later_blockers(context), *known, f"At the moment, {unserved(context)}.")
