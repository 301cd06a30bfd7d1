"""Blockers: operator settings that keep a due job from starting (a paused queue or kind, a limit, a rate)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.cancelling import cancel_remedy, or_cancel
from core.diagnosis.context import JobContext, name_of, requested_evidence
from core.diagnosis.lost import end_of, unserved
from core.diagnosis.turns import counted_up, own_turn
from core.models import JobKind, Queue
from core.wording import clock_time, counted, spoken

#: What the customer reads while a person holds the queue or kind.
_HELD: Final = "Our team has paused this for now. It starts by itself when the pause ends; you can close this page."


def blocker_of(context: JobContext) -> Explanation | None:
    """Return the diagnosis of a blocked due job, or None when it can start."""
    return _paused(context) or _at_its_limit(context) or _at_its_rate(context)


def later_blockers(context: JobContext) -> tuple[str, ...]:
    """Return, for a job that is not due yet, the evidence of pauses and limits that will still block it then."""
    ends = [f"{name} is resumed" for name, _, _ in _pauses(context)]
    kind = context.controls.kind
    ends += [f"the limit of kind {kind.kind}, which is 0, is raised"] if kind and _is_stopped(kind) else []
    return tuple(f"It will not start then either, unless {end}." for end in ends)


def pause_of(context: JobContext) -> str:
    """Return what must happen before a job can start again whose queue or kind is paused, or empty."""
    return " and ".join(f"{name} is resumed" for name, _, _ in _pauses(context))


def blockers_of_a_start(context: JobContext) -> tuple[str, ...]:
    """Return what would keep a job from starting now, as the ends of sentences."""
    pauses = (f"{name} is paused, by {row.paused_by}" for name, row, _ in _pauses(context))
    kind = context.controls.kind
    limit = f"kind {kind.kind} is limited to 0" if kind and _is_stopped(kind) else ""
    worker = "" if context.capacity.workers else unserved(context)
    return (*pauses, *filter(None, (limit, worker)))


def _pauses(context: JobContext) -> list[tuple[str, Queue | JobKind, Remedy]]:
    """Return which of a job's queue and kind are paused, each with the remedy that resumes it."""
    queue, kind = context.controls.queue, context.controls.kind
    pauses: list[tuple[str, Queue | JobKind, Remedy]] = []
    if queue and queue.paused_at:
        effect = _effect_of_resume(context.controls.due_in_queue, f"the queue {queue.name}")
        pauses.append(
            (f"queue {queue.name}", queue, Remedy("queue.resume", None, "Resume", effect, {"name": queue.name}))
        )
    if kind and kind.paused_at:
        effect = _effect_of_resume(context.controls.due_of_kind, f"the kind {kind.kind}")
        pauses.append((f"kind {kind.kind}", kind, Remedy("kind.resume", None, "Resume", effect, {"name": kind.kind})))
    return pauses


def _effect_of_resume(due: int, name: str) -> str:
    """Return how many jobs start again: it concerns more people than this one."""
    if due <= 1:
        return f"Jobs of {name} start again; now this one waits."
    return f"{counted_up(due)} waiting jobs of {name} start again, this one among them."


def _paused(context: JobContext) -> Explanation | None:
    pauses = _pauses(context)
    if not pauses:
        return None
    name, row, remedy = pauses[0]
    assert row.paused_at is not None, "only paused rows are in the list"
    why = _reason(row.paused_reason)
    evidence = [f"It was paused {context.since(row.paused_at)} ago and starts no jobs until it is resumed."]
    evidence += [f"Also, {other} is paused, by {more.paused_by}." for other, more, _ in pauses[1:]]
    evidence += [f"Also, {unserved(context)}{end_of(context)}."] if context.capacity.workers == 0 else []
    when = clock_time(row.paused_at, context.now)
    pause = f"{name} was paused by {row.paused_by} at {when}{why}."
    return Explanation(  # Whitespace is collapsed, so that a multi-line reason still gives one line.
        " ".join(f"{name_of(context)} is not running because {pause}".split()),
        _HELD,
        (*evidence, *requested_evidence(context)),
        remedy,
        or_cancel(context.job),
        for_admins=" ".join(f"Job {context.job.id} ({context.job.kind}) waits: {pause} Can it be resumed?".split()),
    )


def _at_its_limit(context: JobContext) -> Explanation | None:
    kind, running = context.controls.kind, context.controls.running
    if kind is None:
        return None
    if _is_stopped(kind):
        author = f", set by {_author(kind, context.now)}" if kind.limited_by else ""
        return _stopped_by_limit(context, f"no job of {kind.kind} may start: its limit is 0{author}")
    if context.capacity.workers == 0:
        return None
    total = sum(running.values())
    if kind.max_running is not None and total >= kind.max_running:
        most = f"at most {kind.max_running:,} jobs of {kind.kind} run at once, and {total:,} are running"
        return _blocked(context, most)
    share, serving = kind.max_per_worker, context.capacity.workers + context.capacity.silent
    if share is not None and sum(count >= share for count in running.values()) >= serving:
        each = f"at most {share:,} jobs of {kind.kind} run at once per worker, and every worker is at this limit"
        return _blocked(context, each)
    return None


def _is_stopped(kind: JobKind) -> bool:
    return 0 in (kind.max_running, kind.max_per_worker)


def _author(kind: JobKind, now: datetime) -> str:
    """Return who set a kind's limits, when and why."""
    at = f" at {clock_time(kind.limited_at, now)}" if kind.limited_at else ""
    return " ".join(f"{kind.limited_by}{at}{_reason(kind.limited_reason)}".split())


def _reason(reason: str | None) -> str:
    return f": {reason.rstrip('.')}" if reason else ", without a reason"


def _at_its_rate(context: JobContext) -> Explanation | None:
    kind = context.controls.kind
    if kind is None or context.capacity.workers == 0 or not kind.rate_count or not kind.rate_seconds:
        return None
    free = _free_starts(kind, context.now)
    if free >= 1:
        return None
    wait = timedelta(seconds=(1 - free) * kind.rate_seconds / kind.rate_count)
    rate = f"at most {kind.rate_count:,} jobs of {kind.kind} start in {spoken(timedelta(seconds=kind.rate_seconds))}"
    return _blocked(context, f"{rate}; the next one can start in {spoken(wait)}")


def _free_starts(kind: JobKind, now: datetime) -> float:
    """Return how many jobs may start now: the token bucket of core/jobs/limits.py, without spending from it."""
    most = kind.rate_count or 0
    if kind.rate_at is None or not kind.rate_seconds:
        return most
    return min(most, kind.rate_left + most * abs((now - kind.rate_at).total_seconds()) / kind.rate_seconds)


def _stopped_by_limit(context: JobContext, why: str) -> Explanation:
    """Explain a limit of 0: it stops the kind as a pause does, and only an admin can raise it."""
    message = f"Job {context.job.id} waits: {why}. Can the limit be raised?"
    return replace(_blocked(context, why), customer=_HELD, remedy=cancel_remedy(context.job), for_admins=message)


def _blocked(context: JobContext, why: str) -> Explanation:
    before = (f"{counted(context.place.ahead, 'due job')} in the queue before it.",) if context.place.ahead else ()
    kind = context.controls.kind
    is_known = kind is not None and kind.limited_by
    source = f"Set by {_author(kind, context.now)}." if kind and is_known else "An admin limited it."
    sentence = f"{name_of(context)} is not running because {why}."
    return Explanation(sentence, own_turn(context), (source, *before, *requested_evidence(context)))
