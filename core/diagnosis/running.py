"""The diagnosis of a running job: at work, asked to stop, without progress, or without its worker."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from core.diagnosis.answer import Explanation
from core.diagnosis.blockers import end_of_hold
from core.diagnosis.cancelling import AT_SWEEP, cancel_remedy, if_it_cannot_go_on
from core.diagnosis.context import JobContext, name_of
from core.diagnosis.lost import end_of, ends_with_its_worker, how_to_serve, no_worker, unserved
from core.diagnosis.situation import QUIET, neglected_after, silent_after
from core.jobs.failure_words import error_of, left_if_it_fails
from core.models import BackgroundJob
from core.settings import settings, worker_command
from core.wording import ago, spoken

_CHECK_LOGS: Final = "Every worker sweeps: check the logs of the live workers, or start another one"


def running(context: JobContext) -> Explanation:
    """Explain a job that runs and was not asked to stop."""
    job, silent, quiet = context.job, context.facts.silent, context.facts.quiet
    facts = (_at_work(context), *_before(job))
    if silent > silent_after():
        return _silent(context, facts)
    if quiet > QUIET:
        return Explanation(
            f"{name_of(context)} is running, but has made no progress for {spoken(quiet)}.",
            f"There has been no progress for {spoken(quiet)}; you can wait. {if_it_cannot_go_on(job)}",
            (*facts, _time_limit(context)),
            cancel_remedy(job),
        )
    return Explanation(
        f"{name_of(context)} is running: {_how_far(context)}.",
        "You can close this page; it continues without you.",
        facts,
    )


def _at_work(context: JobContext) -> str:
    """Return the number of the present attempt and its time; those that do not count have had the same number."""
    job = context.job
    number = f"{job.attempt} of {job.max_attempts}"
    number = f"{job.token}, counted as {number}" if job.token > job.attempt else number
    return f"Attempt {number}, at work for {context.since(job.claimed_at or job.started_at)}."


def _silent(context: JobContext, facts: tuple[str, ...]) -> Explanation:
    silent = context.facts.silent
    remaining = spoken(settings().lease - silent)
    problem = f"{name_of(context)}: its worker has been silent for {spoken(silent)}"
    customer = f"There has been no sign of life for {spoken(silent)}"
    or_end = if_it_cannot_go_on(context.job)
    if ends_with_its_worker(context):
        end = "This was its last attempt: without a heartbeat, it ends as failed"
        return Explanation(f"{problem}. {end} in {remaining}.", f"{customer}. {or_end}", facts)
    if context.capacity.workers == 0:
        return Explanation(
            f"{problem}, and {_no_other(context)}{end_of(context)}.",
            f"{customer}. {or_end}",
            (
                *facts,
                f"The worker is presumed dead in {remaining}. {how_to_serve(context.job.queue)}.",
                *_held_then(context),
            ),
        )
    if held := end_of_hold(context):
        return Explanation(f"{problem}; another takes over only when {held}.", f"{customer}. {or_end}", facts)
    customer = f"{customer}; it goes on by itself. {or_end}"
    return Explanation(f"{problem}; another takes over in {remaining}.", customer, facts)


def _held_then(context: JobContext) -> tuple[str, ...]:
    """Return what holds a job even once it has a worker, as evidence."""
    held = end_of_hold(context)
    return (f"With a worker, it goes on only when {held}.",) if held else ()


def _no_other(context: JobContext) -> str:
    worker, queue = context.worker, context.job.queue
    is_own_counted = worker is not None and queue in worker.queues
    has_others = context.capacity.silent > is_own_counted
    return (
        f"every other worker of the queue {queue} is too" if has_others else f"no other worker serves the queue {queue}"
    )


def stopping(context: JobContext) -> Explanation:
    """Explain a job that was asked to stop; without its worker, the next sweep ends it."""
    if not context.facts.has_live_worker:
        return _orphan_asked_to_stop(context)
    quiet, silent = context.facts.quiet, context.facts.silent
    requested = context.since(context.job.cancel_requested_at)
    when = f"has made no progress for {spoken(quiet)}" if quiet > QUIET else "stops at its next checkpoint"
    if silent > silent_after():
        when = f"its worker has been silent for {spoken(silent)}"
        ends = f"Its worker is presumed dead in {spoken(settings().lease - silent)}; the next sweep then ends it."
        customer = f"It was asked to stop {requested} ago, and ends within a minute."
        return Explanation(f"{name_of(context)} was asked to stop {requested} ago and {when}.", customer, (ends,))
    return Explanation(
        f"{name_of(context)} was asked to stop {requested} ago and {when}.",
        f"It was asked to stop {requested} ago, and stops after the step it is at.",
        (_time_limit(context),),
    )


def orphaned(context: JobContext) -> Explanation:
    """Explain a job that has lost its worker."""
    evidence = (
        f"Its worker has sent no heartbeat for {_silence(context)}; it is presumed dead after "
        f"{spoken(settings().lease)}.",
        *_before(context.job),
    )
    if ends_with_its_worker(context):
        problem = " in its last attempt; the next sweep ends it as failed"
        customer = " because of a fault on our side, and ends with a message here."
        return _interrupted(context, problem, f"{customer} {left_if_it_fails(context.job)}".rstrip(), evidence)
    if not context.capacity.is_serving:
        return no_worker(
            context, "has lost its worker, and no other worker is alive", (*evidence, *_held_then(context))
        )
    return _not_taken_over(context, evidence) or _taken_over(context, evidence)


def _not_taken_over(context: JobContext, evidence: tuple[str, ...]) -> Explanation | None:
    """Explain a lost job that no worker takes over though the queue has some; None: one will."""
    if context.capacity.workers == 0:
        problem, hint = f", and {unserved(context)}", ""
    elif context.facts.silent > neglected_after():
        problem, hint = ", and no other worker has taken over", f"{_CHECK_LOGS} ({worker_command()})."
    else:
        return None
    customer = f" because of a fault on our side. {if_it_cannot_go_on(context.job)}"
    explanation = _interrupted(context, problem, customer, (*evidence, *filter(None, [hint])))
    return replace(explanation, remedy=cancel_remedy(context.job, AT_SWEEP))


def _taken_over(context: JobContext, evidence: tuple[str, ...]) -> Explanation:
    or_end = if_it_cannot_go_on(context.job)
    if held := end_of_hold(context):
        customer = f"; it goes on when our team resumes it. {or_end}"
        return _interrupted(context, f", and goes on only when {held}", customer, evidence)
    sweep = spoken(timedelta(seconds=settings().sweep_seconds))
    customer = f"; it goes on by itself. {or_end}"
    return _interrupted(context, f"; another one takes over within {sweep}", customer, evidence)


def _interrupted(context: JobContext, problem: str, customer: str, evidence: tuple[str, ...]) -> Explanation:
    sentence = f"{name_of(context)} has lost its worker{problem}."
    return Explanation(sentence, f"It was interrupted {_silence(context)} ago{customer}", evidence)


def _silence(context: JobContext) -> str:
    return context.since(context.worker.heartbeat_at) if context.worker else "an unknown time"


def _orphan_asked_to_stop(context: JobContext) -> Explanation:
    requested = context.since(context.job.cancel_requested_at)
    return Explanation(
        f"{name_of(context)} was asked to stop {requested} ago and has lost its worker; the next sweep ends it.",
        f"It was asked to stop {requested} ago. It does not go on, and what it began is cleaned up.",
    )


def _before(job: BackgroundJob) -> tuple[str, ...]:
    """Return how the attempt before this one ended; one that did not count had the same number."""
    return (f"The attempt before this one ended with: {error_of(job)}",) if job.error_message else ()


def _how_far(context: JobContext) -> str:
    """Return how far a job is, and when its present attempt came to its last checkpoint: its claim counts as none."""
    job, quiet = context.job, context.facts.quiet
    progress = _progress(job)
    if job.claimed_at and job.updated_at <= job.claimed_at:
        begun = f"started {ago(quiet)}, no checkpoint yet"
        return f"attempt {job.token} goes on from {progress}{begun}" if progress and job.token > 1 else progress + begun
    return f"{progress}last checkpoint {ago(quiet)}"


def _progress(job: BackgroundJob) -> str:
    """Return the progress in the job's own words: its units may be others than those which people count."""
    if job.progress_message:
        return f"{job.progress_message}, "
    return f"{job.progress_done:,} of {job.progress_total:,}, " if job.progress_total else ""


def _time_limit(context: JobContext) -> str:
    deadline = context.job.deadline_at
    if deadline is None or deadline <= context.now:
        return "Its time limit is over; the next sweep takes it from its worker."
    return f"Without a checkpoint, it is taken from its worker in {spoken(deadline - context.now)}."
