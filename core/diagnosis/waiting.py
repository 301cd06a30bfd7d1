"""The diagnosis of a job in the queue: new, planned for later, or between two attempts."""

from datetime import timedelta
from typing import Final

from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.blockers import blocker_of, end_of_hold, hold_of, later_blockers
from core.diagnosis.cancelling import if_it_cannot_go_on, or_cancel
from core.diagnosis.context import JobContext, name_of, requested_evidence
from core.diagnosis.lost import end_of, ends_at, unknown_kind, unserved, unserved_start
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
    wait, own = spoken(context.job.run_at - context.now), own_obstacle(context)
    start = f"to start in {wait}, but {obstacle}" if (obstacle := _obstacle(context)) else f"it starts in {wait}"
    start_now = _start_now(context, "It starts at once instead of at the planned time.")
    # Started now, a job that is held only waits sooner: what ends the hold is what helps.
    held = hold_of(context)
    return Explanation(
        f"{name_of(context)} is scheduled{' ' if obstacle else ': '}{start}.",
        f"It is planned to start in {wait}{f', but {own}' if own else ''}.",
        (*_later(context), *requested_evidence(context)),
        held.remedy if held else start_now,
        (start_now, *or_cancel(context.job)) if held else or_cancel(context.job),
        for_admins=held.for_admins if held else "",
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
    attempt = f"number {job.attempt + 1} of {job.max_attempts}"
    # The pause is for what failed to recover: before the last attempt, waiting is what helps.
    is_last = job.attempt + 1 >= job.max_attempts
    risk = " It is the last one: waiting makes it more likely to work." if is_last else ""
    start_now = _start_now(context, f"The next attempt starts at once, without the pause.{risk}")
    held = None if is_due else hold_of(context)
    is_unhelpful = is_last or held or (context.capacity.workers == 0 and ends_at(context) is not None)
    return Explanation(
        f"{name_of(context)} is between attempts: {attempt} {_next_attempt(context)}.",
        f"An attempt did not work. The next one, {attempt}, {_own_next_attempt(context)}",
        (
            f"The last one ended with: {error_of(job)}",
            *_later(context),
            *queue_evidence(context),
            *requested_evidence(context),
        ),
        held.remedy if held else None if is_due or is_unhelpful else start_now,
        (start_now, *or_cancel(job)) if is_unhelpful and not is_due else or_cancel(job),
        for_admins=held.for_admins if held else "",
    )


def _next_attempt(context: JobContext) -> str:
    """Return when the attempt after a pause starts, and what keeps it from that, as operators read it."""
    wait = context.job.run_at - context.now
    if wait <= timedelta(0):
        return wait_of(context) or _next_start(context)
    obstacle = _obstacle(context)
    return f"is planned in {spoken(wait)}, but {obstacle}" if obstacle else f"starts in {spoken(wait)}"


def _own_next_attempt(context: JobContext) -> str:
    """Return the same as customers read it, and what an end without another attempt would leave."""
    wait = context.job.run_at - context.now
    if wait <= timedelta(0):
        return "starts as soon as there is room." if wait_of(context) else f"{_next_start_for_owner(context)}."
    if not (own := own_obstacle(context)):
        return f"starts in {spoken(wait)}."
    end = f" {if_it_cannot_go_on(context.job)}" if ends_at(context) and context.capacity.workers == 0 else ""
    return f"is planned to start in {spoken(wait)}, but {own}.{end}"


def _next_start_for_owner(context: JobContext) -> str:
    return "starts within a minute" if is_suspect(context.job) else "starts any moment"


def _obstacle(context: JobContext) -> str:
    """Return what will keep a job from starting when it becomes due, as far as that is known now, or empty."""
    held = end_of_hold(context)
    parts = (
        f"it does not start before {held}" if held else "",
        "" if context.facts.is_known else "no worker knows this kind",
        "" if context.capacity.workers else f"{unserved(context)}{end_of(context)}",
    )
    return ", and ".join(filter(None, parts))


def own_obstacle(context: JobContext) -> str:
    """Return the same in words for the job's owner, as the end of a sentence."""
    is_held, is_broken = context.controls.hold, context.capacity.workers == 0 or not context.facts.is_known
    if is_held and is_broken:
        return (
            "our team has stopped this kind of work for now, and there is a fault on our side; it starts when both end"
        )
    if is_held:
        return "our team has stopped this kind of work for now; it starts when that ends"
    return "there is a fault on our side at the moment; it starts when that is mended" if is_broken else ""


def _start_now(context: JobContext, effect: str) -> Remedy:
    return Remedy("job.start_now", context.job.id, "Start now", effect)


def _later(context: JobContext) -> tuple[str, ...]:
    """Return, for a job that is not due yet, the evidence of what its sentence says will keep it from starting."""
    return () if context.job.run_at <= context.now else later_blockers(context)
