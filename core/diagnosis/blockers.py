"""What operators set that keeps a due job from starting: a paused queue or kind, a limit, a rate."""

from datetime import datetime, timedelta

from core.diagnosis.context import Diagnosis, JobContext, Remedy, Situation, name_of, requested_evidence
from core.models import JobKind, Queue
from core.wording import clock_time, counted, spoken


def blocker_of(context: JobContext) -> Diagnosis | None:
    """Tell what holds a due job back, or None when it is free to start."""
    return _paused(context) or _at_its_limit(context) or _at_its_rate(context)


def later_blockers(context: JobContext) -> tuple[str, ...]:
    """Return, as evidence for a job that is not due yet, that it would not start then."""
    found = _pauses(context)
    return tuple(f"It will not start then either, unless {what} is resumed." for what, _, _ in found)


def _pauses(context: JobContext) -> list[tuple[str, Queue | JobKind, Remedy]]:
    """Return what of a job's queue and kind is paused, with the way to resume it."""
    queue, kind = context.steering.queue, context.steering.kind
    found: list[tuple[str, Queue | JobKind, Remedy]] = []
    if queue and queue.paused_at:
        effect = f"Jobs of the queue {queue.name} start again, this one among them."
        found.append(
            (f"queue {queue.name}", queue, Remedy("queue.resume", None, "Resume", effect, {"name": queue.name}))
        )
    if kind and kind.paused_at:
        effect = f"Jobs of the kind {kind.kind} start again, this one among them."
        found.append((f"kind {kind.kind}", kind, Remedy("kind.resume", None, "Resume", effect, {"name": kind.kind})))
    return found


def _paused(context: JobContext) -> Diagnosis | None:
    found = _pauses(context)
    if not found:
        return None
    what, row, remedy = found[0]
    assert row.paused_at is not None, "that is how it was found"
    why = f": {row.paused_reason.rstrip('.')}" if row.paused_reason else ", who gave no reason"
    told = [f"It was paused {context.since(row.paused_at)} ago, and starts nothing until somebody resumes it."]
    told += [f"Besides, {other} is paused, by {more.paused_by}." for other, more, _ in found[1:]]
    told += ["Besides, no worker is alive for it."] if context.capacity.workers == 0 else []
    when = clock_time(row.paused_at, context.now)
    return Diagnosis(
        Situation.STUCK,
        # One sentence for one line, whatever somebody typed as the reason.
        " ".join(
            f"{name_of(context)} is not running because {what} was paused by {row.paused_by} at {when}{why}.".split()
        ),
        (*told, *requested_evidence(context)),
        remedy,
    )


def _at_its_limit(context: JobContext) -> Diagnosis | None:
    kind, running = context.steering.kind, context.steering.running
    if kind is None or context.capacity.workers == 0:
        return None
    if kind.max_running == 0 or kind.max_per_worker == 0:
        return _held(context, Situation.STUCK, f"no job of {kind.kind} may start: its limit is 0")
    total = sum(running.values())
    if kind.max_running is not None and total >= kind.max_running:
        most = f"at most {kind.max_running:,} of {kind.kind} run at once, and {total:,} do"
        return _held(context, Situation.WAITING, most)
    share = kind.max_per_worker
    if share is not None and sum(count >= share for count in running.values()) >= context.capacity.workers:
        each = f"at most {share:,} of {kind.kind} run at once in a worker, and every worker is at it"
        return _held(context, Situation.WAITING, each)
    return None


def _at_its_rate(context: JobContext) -> Diagnosis | None:
    kind = context.steering.kind
    if kind is None or context.capacity.workers == 0 or not kind.rate_count or not kind.rate_seconds:
        return None
    free = _free_starts(kind, context.now)
    if free >= 1:
        return None
    wait = timedelta(seconds=(1 - free) * kind.rate_seconds / kind.rate_count)
    rate = f"at most {kind.rate_count:,} of {kind.kind} start in {spoken(timedelta(seconds=kind.rate_seconds))}"
    return _held(context, Situation.WAITING, f"{rate}; the next one may in {spoken(wait)}")


def _free_starts(kind: JobKind, now: datetime) -> float:
    """Return how many may start now: the bucket of core/jobs/limits.py, read without spending."""
    most = kind.rate_count or 0
    if kind.rate_at is None or not kind.rate_seconds:
        return most
    return min(most, kind.rate_left + most * (now - kind.rate_at).total_seconds() / kind.rate_seconds)


def _held(context: JobContext, situation: Situation, why: str) -> Diagnosis:
    before = (f"{counted(context.ahead, 'due job')} of the queue before it.",) if context.ahead else ()
    told = "Admins set this on the page Queues."
    return Diagnosis(
        situation, f"{name_of(context)} is not running because {why}.", (told, *before, *requested_evidence(context))
    )
