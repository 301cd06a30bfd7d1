"""Why a job is where it is: a pure function from its context to one sentence, its evidence and a safe remedy."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from core.diagnosis.blockers import blocker_of, later_blockers
from core.diagnosis.context import Diagnosis, JobContext, Remedy, Situation, name_of, requested_evidence
from core.jobs.labels import Label
from core.models import BackgroundJob
from core.settings import settings
from core.wording import spoken

#: A running job that has reached no checkpoint for this long is worth a look; steps take seconds.
QUIET = timedelta(seconds=60)
#: A due job is picked up within a second; a bell that was lost is rung again by the next sweep.
PROMPT = timedelta(seconds=10)


def explain(context: JobContext) -> Diagnosis:
    """Tell why a job is where it is."""
    return _EXPLAINED[context.label](context)


def _queued(context: JobContext) -> Diagnosis:
    if held := blocker_of(context):
        return held
    if context.capacity.workers == 0:
        return _nobody_there(context, "cannot start: no worker is alive")
    if context.ahead:
        return Diagnosis(
            Situation.WAITING,
            f"{name_of(context)} waits its turn: {_jobs(context.ahead)} due before it, {_capacity(context)} at work.",
            requested_evidence(context),
        )
    waited = context.now - context.job.run_at
    if waited < PROMPT:
        return Diagnosis(Situation.WORKING, f"{name_of(context)} starts any moment.", requested_evidence(context))
    return Diagnosis(
        Situation.WAITING,
        f"{name_of(context)} has been due for {spoken(waited)}, and all threads that could take it are busy.",
        (*requested_evidence(context), f"{_capacity(context)} serve the queue {context.job.queue}."),
    )


def _scheduled(context: JobContext) -> Diagnosis:
    due = spoken(context.job.run_at - context.now)
    return Diagnosis(
        Situation.WAITING,
        f"{name_of(context)} is scheduled: it starts in {due}.",
        (*later_blockers(context), *requested_evidence(context)),
    )


def _retrying(context: JobContext) -> Diagnosis:
    if context.job.run_at <= context.now and (held := blocker_of(context)):
        return held
    if context.capacity.workers == 0:
        return _nobody_there(context, "cannot go on: no worker is alive")
    job = context.job
    wait = job.run_at - context.now
    when = f"in {spoken(wait)}" if wait > timedelta(0) else "any moment"
    return Diagnosis(
        Situation.WAITING,
        f"{name_of(context)} is between attempts: number {job.attempt + 1} of {job.max_attempts} starts {when}.",
        (f"The last one ended with: {_error(job)}", *later_blockers(context), *requested_evidence(context)),
    )


def _running(context: JobContext) -> Diagnosis:
    job, worker = context.job, context.worker
    quiet = context.now - job.updated_at
    facts = (f"Attempt {job.attempt} of {job.max_attempts}, at work for {context.since(job.started_at)}.",)
    silent = context.now - worker.heartbeat_at if worker else timedelta(0)
    if silent > 2 * settings().heartbeat:
        left = spoken(settings().lease - silent)
        return Diagnosis(
            Situation.WAITING,
            f"{name_of(context)}: its worker is silent for {spoken(silent)}; take-over in {left}.",
            facts,
        )
    if quiet > QUIET:
        return Diagnosis(
            Situation.STUCK,
            f"{name_of(context)} is running, but has come no further for {spoken(quiet)}.",
            (*facts, _time_limit(context)),
            _cancel(job, "It stops at its next checkpoint, and what it did is undone."),
        )
    return Diagnosis(
        Situation.WORKING, f"{name_of(context)} is running: {_progress(job)}last checkpoint {_ago(quiet)}.", facts
    )


def _stopping(context: JobContext) -> Diagnosis:
    asked = context.since(context.job.cancel_requested_at)
    return Diagnosis(
        Situation.WORKING,
        f"{name_of(context)} was asked to stop {asked} ago, and stops at its next checkpoint.",
        (_time_limit(context),),
    )


def _orphaned(context: JobContext) -> Diagnosis:
    silent = context.since(context.worker.heartbeat_at) if context.worker else "an unknown time"
    told = (f"Its worker has given no sign of life for {silent}; presumed dead after {spoken(settings().lease)}.",)
    if context.capacity.workers == 0:
        return _nobody_there(context, "has lost its worker, and no other worker is alive", told)
    sweep = timedelta(seconds=settings().sweep_seconds)
    if context.worker and context.now - context.worker.heartbeat_at > settings().lease + 5 * sweep:
        hint = "Every worker sweeps; look at the log of the living ones, or start another (main.py worker)."
        return Diagnosis(
            Situation.STUCK, f"{name_of(context)} has lost its worker, and nobody has taken over.", (*told, hint)
        )
    return Diagnosis(
        Situation.WAITING,
        f"{name_of(context)} has lost its worker; another one takes over within {spoken(sweep)}.",
        told,
    )


def _failed(context: JobContext) -> Diagnosis:
    job = context.job
    effect = "A new job tries again from the start; what the failed one did is undone already."
    return Diagnosis(
        Situation.FAILED,
        f"{name_of(context)} failed {context.since(job.finished_at)} ago: {_error(job)}",
        (f"{job.attempt} of {job.max_attempts} attempts were made.", *requested_evidence(context)),
        Remedy("job.retry", job.id, "Retry", effect),
    )


def _succeeded(context: JobContext) -> Diagnosis:
    return Diagnosis(Situation.FINE, f"{name_of(context)} succeeded {context.since(context.job.finished_at)} ago.")


def _cancelled(context: JobContext) -> Diagnosis:
    return Diagnosis(Situation.FINE, f"{name_of(context)} was cancelled {context.since(context.job.finished_at)} ago.")


def _nobody_there(context: JobContext, what: str, told: tuple[str, ...] = ()) -> Diagnosis:
    seen = context.capacity.last_seen
    last = f"The last sign of life of any worker was {context.since(seen)} ago." if seen else "No worker was ever seen."
    effect = "The user is back where they were as soon as a worker lives; nothing is lost either way."
    if context.label is Label.QUEUED:
        effect = "The user is back where they were at once; nothing has been done yet."
    return Diagnosis(
        Situation.STUCK,
        f"{name_of(context)} {what} for the queue {context.job.queue}.",
        (
            *told,
            last,
            "It goes on by itself as soon as a worker starts (main.py worker).",
            *requested_evidence(context),
        ),
        _cancel(context.job, effect),
    )


def _capacity(context: JobContext) -> str:
    threads = context.capacity.threads
    return f"{threads:,} {'thread' if threads == 1 else 'threads'}"


def _jobs(count: int) -> str:
    if count >= 1_000:
        return "1,000 or more jobs are"
    return "1 job is" if count == 1 else f"{count} jobs are"


def _ago(span: timedelta) -> str:
    return "just now" if span < timedelta(seconds=2) else f"{spoken(span)} ago"


def _progress(job: BackgroundJob) -> str:
    return f"{job.progress_done:,} of {job.progress_total:,}, " if job.progress_total else ""


def _error(job: BackgroundJob) -> str:
    return ((job.error_message or "").strip() or "no error was recorded").splitlines()[0][:300]


def _time_limit(context: JobContext) -> str:
    deadline = context.job.deadline_at
    if deadline is None or deadline <= context.now:
        return "Its time limit is over; the next sweep takes it away from its worker."
    return f"If it stays silent, it is taken away from its worker in {spoken(deadline - context.now)}."


def _cancel(job: BackgroundJob, effect: str) -> Remedy:
    return Remedy("job.cancel", job.id, "Cancel", effect)


_EXPLAINED: Final[Mapping[Label, Callable[[JobContext], Diagnosis]]] = {
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
