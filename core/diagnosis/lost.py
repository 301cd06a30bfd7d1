"""What becomes of a job whose queue has no worker, or only silent ones: until when it waits, and how it ends then."""

from datetime import datetime, timedelta

from core.diagnosis.answer import Explanation
from core.diagnosis.cancelling import AT_SWEEP, cancel_remedy, if_it_cannot_go_on, or_cancel
from core.diagnosis.context import JobContext, name_of, requested_evidence
from core.jobs.abandon import is_half_done
from core.jobs.losses import is_last
from core.models import JobStatus
from core.operations import BY_NAME
from core.settings import settings, worker_command
from core.wording import clock_time, counted, spoken


def unserved(context: JobContext) -> str:
    """Return that no worker, or none that is heard of, serves the queue: the end of a sentence."""
    queue, silent, quiet = context.job.queue, context.capacity.silent, context.capacity.quiet
    if quiet:
        return f"every worker of the queue {queue} is quiet, by {quiet.quiet_by}"
    if not silent:
        return f"no worker is alive for the queue {queue}"
    workers = "the only worker" if silent == 1 else f"all {counted(silent, 'worker')}"
    verb = "has" if silent == 1 else "have"
    return f"{workers} of the queue {queue} {verb} been silent for {context.since(context.capacity.last_seen)}"


def unserved_start(context: JobContext) -> Explanation:
    """Explain a due job that no worker can start now."""
    verb = "continue" if context.job.started_at else "start"
    if not context.capacity.silent:
        return no_worker(context, f"cannot {verb}: no worker is alive")
    silent = context.since(context.capacity.last_seen)
    return Explanation(
        f"{name_of(context)} cannot {verb} now: {unserved(context)}.",
        f"There has been no sign of life on our side for {silent}. {if_it_cannot_go_on(context.job)}",
        (_presumed_dead(), *requested_evidence(context)),
        others=or_cancel(context.job),
    )


def no_worker(context: JobContext, problem: str, evidence: tuple[str, ...] = ()) -> Explanation:
    """Explain a job that nothing moves because no worker serves its queue."""
    job, last_seen = context.job, context.capacity.last_seen
    heartbeat = (
        f"The last heartbeat of a worker for this queue was {context.since(last_seen)} ago."
        if last_seen
        else "This queue has never had a worker."
    )
    verb, goes_on = ("stopped", "goes on") if job.started_at else ("cannot start", "starts")
    end = end_of(context)
    return Explanation(
        f"{name_of(context)} {problem} for the queue {job.queue}{end}.",
        f"It {verb} because of a fault on our side; it {goes_on} when the fault is mended. {if_it_cannot_go_on(job)}",
        (
            *evidence,
            heartbeat,
            f"It continues as soon as a worker serves the queue. {how_to_serve(job.queue)}.",
            *requested_evidence(context),
        ),
        cancel_remedy(job, AT_SWEEP),
        for_admins=f"No worker serves the queue {job.queue}; job {job.id} ({job.kind}) waits for one{end}.",
    )


def how_to_serve(queue: str) -> str:
    """Return what starts a worker for a queue: this release's workers serve the queues of its own kinds only."""
    if queue in {kind.queue for kind in BY_NAME.values()}:
        return f"Start one ({worker_command()})"
    return f"This release has no queue {queue}: start a worker of the release that has it, or cancel what waits there"


def unknown_kind(context: JobContext) -> Explanation:
    """Explain a due job that no worker of this release starts, because none knows its kind."""
    job, problem = context.job, "no worker of this release knows this kind of job"
    unserved_too = () if context.capacity.workers else (f"Also, {unserved(context)}{end_of(context)}.",)
    verb, goes_on = ("continue", "goes on") if job.started_at else ("start", "starts")
    return Explanation(
        f"{name_of(context)} cannot {verb}: {problem}.",
        f"It cannot {verb} because of a fault on our side; it {goes_on} when the fault is mended. "
        f"{if_it_cannot_go_on(job)}",
        (
            "Another release or another program requested it: start a worker of the release that knows it, or cancel.",
            *unserved_too,
            *requested_evidence(context),
        ),
        cancel_remedy(job),
        for_admins=f"Job {job.id} waits: {problem}, {job.kind}. Can a worker of the release that knows it be started?",
    )


def end_of(context: JobContext, due: datetime | None = None) -> str:
    """Return when a job that is half done ends as failed if no worker starts, as the end of a sentence.

    `due`: when it becomes due, if that is at another time than it says.
    """
    when = when_it_ends(context, due)
    return f": it ends as failed {when} unless a worker starts" if when else ""


def when_it_ends(context: JobContext, due: datetime | None = None) -> str:
    """Return that moment as "at 14:02" or "within 30 s"; empty: it does not end so."""
    at = ends_at(context, due)
    if at is None:
        return ""
    # It may have become one that ends so just now, as by the resumption of its queue.
    soon = f"within {spoken(settings().lease + timedelta(seconds=settings().sweep_seconds))}"
    return f"at {clock_time(at, context.now)}" if at > context.now else soon


def ends_at(context: JobContext, due: datetime | None = None) -> datetime | None:
    """Return that moment (core/jobs/abandon.py); None: it waits for a worker, or for who has stopped it."""
    job = context.job
    may_end = job.status is JobStatus.RUNNING or is_half_done(job)
    if not may_end or context.is_held:
        return None
    # Whoever sweeps looks on for a lease, in which a worker that has just started may take the job over.
    unserved = (context.capacity.last_seen or context.now) + settings().orphan_patience
    return max(unserved, due or job.run_at) + settings().lease


def ends_with_its_worker(context: JobContext) -> bool:
    """Tell whether a running job ends as failed if its worker is lost."""
    return is_last(context.job, context.losses)


def lost_attempts(context: JobContext) -> str:
    """Return how many attempts a failed job had, and which of them did not count, and why."""
    job, free = context.job, context.losses.free
    made = f"{job.attempt} of {counted(job.max_attempts, 'attempt')} {'was' if job.attempt == 1 else 'were'} made"
    parts = [made] if job.attempt else []
    if free:
        why = "because it had made progress" if free == 1 else "because each had made progress"
        loss = "was lost and does not count" if free == 1 else "were lost and do not count"
        parts.append(f"{_uncounted(free, is_first=not parts)} {loss}, {why}")
    # Each claim counts at first. Of the returns, the last ones may have spent an attempt.
    if (returns := min(context.losses.returns, job.token - job.attempt - free)) > 0:
        does, them = ("does", "it") if returns == 1 else ("do", "them")
        parts.append(
            f"{_uncounted(returns, is_first=not parts)} {does} not count: the worker returned {them} to the queue"
        )
    return f"{'; '.join(parts or [made])}."


def _uncounted(number: int, *, is_first: bool) -> str:
    if is_first:
        return "The first attempt" if number == 1 else f"{number} attempts"
    return f"{number} more"


def _presumed_dead() -> str:
    return f"A worker is presumed dead after {spoken(settings().lease)} without a heartbeat."
