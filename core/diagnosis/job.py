"""The diagnosis of a job: a pure function from its context to one sentence, its evidence and a safe remedy."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from core.diagnosis.blockers import blocker_of, later_blockers
from core.diagnosis.context import Diagnosis, Explanation, JobContext, Remedy, name_of, requested_evidence
from core.diagnosis.situation import QUIET, neglected_after, silent_after
from core.diagnosis.turns import queue_evidence, wait_of
from core.jobs.labels import Label
from core.models import BackgroundJob, JobStatus
from core.operations import BY_NAME
from core.settings import settings
from core.wording import PROGRAM, spoken

#: A due job starts within a second while a thread is free, or after the next sweep when its wake-up was lost.
PROMPT = timedelta(seconds=10)


_NEXT_CHECKPOINT: Final = "It stops at its next checkpoint."
#: Instead, while its worker is lost.
_NEXT_SWEEP: Final = "It ends with the next sweep."


def explain(context: JobContext) -> Diagnosis:
    """Return the diagnosis of a job."""
    return Diagnosis.of(context.situation, explanation_of(context))


def explanation_of(context: JobContext) -> Explanation:
    """Return a job's sentence, its evidence and its remedy."""
    return _EXPLAINED.get(context.label, _unreadable)(context)


def _queued(context: JobContext) -> Explanation:
    if blocked := blocker_of(context):
        return blocked
    if context.capacity.workers == 0:
        return _no_worker(context, f"cannot {'continue' if context.job.started_at else 'start'}: no worker is alive")
    waited = context.now - context.job.run_at
    evidence = (*queue_evidence(context), *requested_evidence(context))
    if wait := wait_of(context):
        return Explanation(f"{name_of(context)} {wait}.", evidence)
    if waited < PROMPT:
        return Explanation(f"{name_of(context)} starts any moment.", evidence)
    return Explanation(
        f"{name_of(context)} has been due for {spoken(waited)}, and a thread is free; the next sweep starts it.",
        evidence,
    )


def _scheduled(context: JobContext) -> Explanation:
    wait = spoken(context.job.run_at - context.now)
    return Explanation(
        f"{name_of(context)} is scheduled: it starts in {wait}.",
        (*_later(context), *requested_evidence(context)),
    )


def _later(context: JobContext) -> tuple[str, ...]:
    """Return, for a job that is not due yet, the evidence of what will keep it from starting then."""
    is_due = context.job.run_at <= context.now
    nobody = () if is_due or context.capacity.workers else (f"No worker serves the queue {context.job.queue} now.",)
    return (*later_blockers(context), *nobody)


def _retrying(context: JobContext) -> Explanation:
    is_due, no_worker = context.job.run_at <= context.now, context.capacity.workers == 0
    if is_due and (blocked := blocker_of(context)):
        return blocked
    if is_due and no_worker:
        return _no_worker(context, "cannot continue: no worker is alive")
    job = context.job
    wait = job.run_at - context.now
    when = f"starts in {spoken(wait)}" if wait > timedelta(0) else wait_of(context) or "starts any moment"
    error = f"The last one ended with: {_error(job)}"
    return Explanation(
        f"{name_of(context)} is between attempts: number {job.attempt + 1} of {job.max_attempts} {when}.",
        (
            error,
            *_later(context),
            *queue_evidence(context),
            *requested_evidence(context),
        ),
    )


def _running(context: JobContext) -> Explanation:
    job, silent, quiet = context.job, context.facts.silent, context.facts.quiet
    facts = (f"Attempt {job.attempt} of {job.max_attempts}, at work for {context.since(job.started_at)}.",)
    if silent > silent_after():
        remaining = spoken(settings().lease - silent)
        return Explanation(
            f"{name_of(context)}: its worker has been silent for {spoken(silent)}; another takes over in {remaining}.",
            facts,
        )
    if quiet > QUIET:
        return Explanation(
            f"{name_of(context)} is running, but has made no progress for {spoken(quiet)}.",
            (*facts, _time_limit(context)),
            _cancel(job, effect_of_cancel(job)),
        )
    return Explanation(f"{name_of(context)} is running: {_progress(job)}last checkpoint {_ago(quiet)}.", facts)


def _stopping(context: JobContext) -> Explanation:
    requested, quiet = context.since(context.job.cancel_requested_at), context.facts.quiet
    if not context.facts.has_live_worker:
        return Explanation(
            f"{name_of(context)} was asked to stop {requested} ago; its worker is lost, and the next sweep ends it."
        )
    when = f"has made no progress for {spoken(quiet)}" if quiet > QUIET else "stops at its next checkpoint"
    return Explanation(f"{name_of(context)} was asked to stop {requested} ago and {when}.", (_time_limit(context),))


def _orphaned(context: JobContext) -> Explanation:
    silent = context.since(context.worker.heartbeat_at) if context.worker else "an unknown time"
    evidence = (
        f"Its worker has sent no heartbeat for {silent}; it is presumed dead after {spoken(settings().lease)}.",
    )
    if context.capacity.workers == 0:
        return _no_worker(context, "has lost its worker, and no other worker is alive", evidence)
    sweep = timedelta(seconds=settings().sweep_seconds)
    if context.facts.silent > neglected_after():
        hint = f"Every worker sweeps: check the logs of the live workers, or start another one ({PROGRAM} worker)."
        return Explanation(
            f"{name_of(context)} has lost its worker, and no other worker has taken over.",
            (*evidence, hint),
        )
    return Explanation(
        f"{name_of(context)} has lost its worker; another one takes over within {spoken(sweep)}.",
        evidence,
    )


def _failed(context: JobContext) -> Explanation:
    job = context.job
    sentence = f"{name_of(context)} failed {context.since(job.finished_at)} ago: {_error(job)}"
    evidence = (f"{job.attempt} of {job.max_attempts} attempts were made.", *requested_evidence(context))
    if context.is_settled:
        return Explanation(sentence, ("It is dealt with: other work has come after it.", *evidence))
    effect = "A new job starts from the beginning; the failed job's changes are already undone."
    return Explanation(sentence, evidence, Remedy("job.retry", job.id, "Retry", effect))


def _succeeded(context: JobContext) -> Explanation:
    return Explanation(f"{name_of(context)} succeeded {context.since(context.job.finished_at)} ago.")


def _cancelled(context: JobContext) -> Explanation:
    return Explanation(f"{name_of(context)} was cancelled {context.since(context.job.finished_at)} ago.")


def _unreadable(context: JobContext) -> Explanation:
    return Explanation(
        f"{name_of(context)} has the status {str(context.label)!r}, which this release does not know.",
        ("Another release or another program wrote it; no worker of this release runs the job.",),
    )


def _no_worker(context: JobContext, problem: str, evidence: tuple[str, ...] = ()) -> Explanation:
    last_seen = context.capacity.last_seen
    heartbeat = (
        f"The last heartbeat of any worker was {context.since(last_seen)} ago."
        if last_seen
        else "No worker has ever run."
    )
    return Explanation(
        f"{name_of(context)} {problem} for the queue {context.job.queue}.",
        (
            *evidence,
            heartbeat,
            f"It continues as soon as a worker starts ({PROGRAM} worker).",
            *requested_evidence(context),
        ),
        _cancel(context.job, effect_of_cancel(context.job, running=_NEXT_SWEEP)),
    )


def effect_of_cancel(job: BackgroundJob, *, running: str = _NEXT_CHECKPOINT) -> str:
    """Return when a cancelled job ends (`running`: one that runs now) and what it leaves, in the words of its kind."""
    if job.token == 0:
        return "It ends at once; it has changed nothing yet."
    kind = BY_NAME.get(job.kind)
    when = "It ends at once." if job.status is JobStatus.QUEUED else running
    return f"{when} {kind.cancel_effect}" if kind else when


def _ago(span: timedelta) -> str:
    return "just now" if span < timedelta(seconds=2) else f"{spoken(span)} ago"


def _progress(job: BackgroundJob) -> str:
    """Return the progress in the job's own words: its units may be others than those which people count."""
    if job.progress_message:
        return f"{job.progress_message}, "
    return f"{job.progress_done:,} of {job.progress_total:,}, " if job.progress_total else ""


def _error(job: BackgroundJob) -> str:
    return ((job.error_message or "").strip() or "no error was recorded").splitlines()[0][:300]


def _time_limit(context: JobContext) -> str:
    deadline = context.job.deadline_at
    if deadline is None or deadline <= context.now:
        return "Its time limit is over; the next sweep takes it from its worker."
    return f"Without a checkpoint, it is taken from its worker in {spoken(deadline - context.now)}."


def _cancel(job: BackgroundJob, effect: str) -> Remedy:
    return Remedy("job.cancel", job.id, "Cancel", effect)


_EXPLAINED: Final[Mapping[Label, Callable[[JobContext], Explanation]]] = {
    Label.QUEUED: _queued,
    Label.SCHEDULED: _scheduled,
    Label.RETRYING: _retrying,
    Label.RUNNING: _running,
    Label.STOPPING: _stopping,
    Label.ORPHANED: _orphaned,
    Label.SUCCEEDED: _succeeded,
    Label.FAILED: _failed,
    Label.CANCELLED: _cancelled,
}
