"""Blockers: operator settings that keep a due job from starting (a paused queue or kind, a limit, a rate)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.cancelling import or_cancel
from core.diagnosis.context import Controls, JobContext, name_of, requested_evidence
from core.diagnosis.limits import ceilings, starts_none
from core.diagnosis.lost import end_of, unserved
from core.diagnosis.turns import counted_up, own_turn
from core.models import JobKind, Queue
from core.operations import BY_NAME
from core.wording import clock_time

#: What the customer reads while a person holds the queue or kind.
_HELD: Final = "Our team has paused this for now. It starts by itself when the pause ends; you can close this page."
#: The same while there would be nobody to start it.
_HELD_AND_BROKEN: Final = (
    "Our team has paused this for now, and there is a fault on our side. It starts by itself when both end; you can "
    "close this page."
)


def blocker_of(context: JobContext) -> Explanation | None:
    """Return the diagnosis of a blocked due job, or None when it can start."""
    return hold_of(context) or _at_its_limit(context)


def hold_of(context: JobContext) -> Explanation | None:
    """Return the diagnosis of a job that a pause or a limit of 0 holds, or will hold once it is due; None: neither."""
    return _paused(context) or _stopped_by_limit(context) or _quieted(context)


def later_blockers(context: JobContext) -> tuple[str, ...]:
    """Return, for a job that is not due yet, the evidence of pauses and limits that will still block it then: whose."""
    kind = context.controls.kind
    pauses = (_pause(context, name, row) for name, row, _ in _pauses(context))
    is_set = kind is not None and starts_none(kind) and kind.limited_by
    limit = [f"The limit was set by {_author(kind, context.now)}."] if kind and is_set else []
    return *pauses, *limit


def _pause(context: JobContext, name: str, row: Queue | JobKind) -> str:
    """Return who paused a queue or kind, when and why, in one line even if the reason has several."""
    assert row.paused_at is not None, "only paused rows are asked about"
    when = clock_time(row.paused_at, context.now)
    return " ".join(f"{name} was paused by {row.paused_by} at {when}{_reason(row.paused_reason)}.".split())


def end_of_hold(context: JobContext) -> str:
    """Return what must happen before a job can start that a pause or a limit of 0 holds, or empty."""
    return " and ".join(_ends(context))


def _ends(context: JobContext) -> list[str]:
    ends = [f"{name} is resumed" for name, _, _ in _pauses(context)]
    kind = context.controls.kind
    return [*ends, f"the limit of kind {kind.kind}, which is 0, is raised"] if kind and starts_none(kind) else ends


def blockers_of_a_start(context: JobContext, resumed: str = "") -> tuple[str, ...]:
    """Return what would keep a job from starting now, as the ends of sentences, in the order in which it is told.

    `resumed`: the queue or kind whose pause ends, as "queue demo".
    """
    kind = context.controls.kind
    pauses = (f"{name} is paused, by {row.paused_by}" for name, row, _ in _pauses(context) if name != resumed)
    limit = f"kind {kind.kind} is limited to 0" if kind and starts_none(kind) else ""
    reached = (each.blocker for each in ceilings(context) if each.room < 1)
    unknown = "" if context.job.kind in BY_NAME else f"this release does not know the kind {context.job.kind}"
    worker = "" if context.capacity.workers else unserved(context)
    return (*pauses, *filter(None, (limit, *reached, unknown, worker)))


def _pauses(context: JobContext) -> list[tuple[str, Queue | JobKind, int]]:
    """Return which of a job's queue and kind are paused, each with the number of due jobs that it holds."""
    queue, kind = context.controls.queue, context.controls.kind
    pauses: list[tuple[str, Queue | JobKind, int]] = []
    if queue and queue.paused_at:
        pauses.append((f"queue {queue.name}", queue, context.controls.due_in_queue))
    if kind and kind.paused_at:
        pauses.append((f"kind {kind.kind}", kind, context.controls.due_of_kind))
    return pauses


def _resume(row: Queue | JobKind, due: int, others: Sequence[str], end: str, *, is_due: bool) -> Remedy:
    """Return the button that ends a pause; `others`: what this job waits for then, and when it `end`s waiting."""
    noun, name = ("queue", row.name) if isinstance(row, Queue) else ("kind", row.kind)
    too = "" if others or not is_due else ", this one among them" if due > 1 else ", this one too"
    number = f"; {counted_up(due)} are waiting" if due > 1 else ""
    effect = f"Jobs of the {noun} {name} can start again{number}{too}.{_still(others, end)}"
    return Remedy(f"{noun}.resume", None, "Resume", effect, {"name": name})


def _paused(context: JobContext) -> Explanation | None:
    pauses = _pauses(context)
    if not pauses:
        return None
    name, row, due = pauses[0]
    assert row.paused_at is not None, "only paused rows are in the list"
    others = blockers_of_a_start(context)[1:]
    evidence = f"It was paused {context.since(row.paused_at)} ago and starts no jobs until it is resumed."
    pause = _pause(context, name, row)
    return Explanation(
        f"{name_of(context)} is not running because {pause}",
        _own_words(context),
        (evidence, *_also(others), *requested_evidence(context)),
        _resume(row, due, others, _end_once_resumed(context), is_due=context.job.run_at <= context.now),
        or_cancel(context.job),
        for_admins=_ask_admins(context, pause, others, "Can it be resumed?"),
    )


def _ask_admins(context: JobContext, why: str, others: Sequence[str], question: str) -> str:
    message = f"Job {context.job.id} ({context.job.kind}) waits: {why} {' '.join(_also(others))} {question}"
    return " ".join(message.split())


def _still(others: Sequence[str], end: str) -> str:
    return f" This one would still wait: {' and '.join(others)}{end}." if others else ""


def _own_words(context: JobContext) -> str:
    """Return what the customer reads of a hold."""
    return _HELD if context.capacity.workers and context.facts.is_known else _HELD_AND_BROKEN


def _end_once_resumed(context: JobContext) -> str:
    """Return when a job that is half done ends as failed if its only pause or limit of 0 ends and no worker starts."""
    if context.capacity.workers or len(_ends(context)) > 1:
        return ""
    return end_of(replace(context, controls=Controls()))


def _also(others: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"Also, {each}." for each in others)


def _at_its_limit(context: JobContext) -> Explanation | None:
    """Explain a limit or a rate that is used up; without a worker, it is not what the job waits for."""
    if context.capacity.workers == 0:
        return None
    full = [each.blocker for each in ceilings(context) if each.room < 1]
    return _blocked(context, full[0], full[1:]) if full else None


def _stopped_by_limit(context: JobContext) -> Explanation | None:
    """Explain a limit of 0: it stops the kind as a pause does, and only an admin can raise it."""
    kind = context.controls.kind
    if kind is None or not starts_none(kind):
        return None
    author = f", set by {_author(kind, context.now)}" if kind.limited_by else ""
    why = f"no job of {kind.kind} may start: its limit is 0{author}"
    others = blockers_of_a_start(context)[1:]
    effect = "Its jobs can start again with a higher limit, which an admin sets on the page Queues."
    effect += _still(others, _end_once_resumed(context))
    change = Remedy("kind.limit", None, "Change the limit", effect, {"name": kind.kind}, href="/queues")
    return Explanation(
        f"{name_of(context)} is not running because {why}.",
        _own_words(context),
        (*_also(others), *_before(context), *requested_evidence(context)),
        change,
        or_cancel(context.job),
        for_admins=_ask_admins(context, f"{why}.", others, "Can the limit be raised?"),
    )


def _quieted(context: JobContext) -> Explanation | None:
    """Explain that each live worker of the queue is quiet: an admin lets one start jobs again."""
    worker = context.capacity.quiet
    if worker is None or worker.quiet_at is None:
        return None
    at = clock_time(worker.quiet_at, context.now)
    why = f"the worker {worker.host}:{worker.pid} was made quiet by {worker.quiet_by} at {at}"
    why = " ".join(f"{why}{_reason(worker.quiet_reason)}.".split())
    others = blockers_of_a_start(context)[1:]
    only = f"No other worker serves the queue {context.job.queue}."
    return Explanation(
        f"{name_of(context)} is not running because {why}",
        _HELD,
        (only, *_also(others), *_before(context), *requested_evidence(context)),
        Remedy("worker.resume", worker.id, "Resume worker", "It starts jobs again, this one among them."),
        or_cancel(context.job),
        for_admins=_ask_admins(context, f"{why} {only}", others, "Can it be resumed?"),
    )


def _author(kind: JobKind, now: datetime) -> str:
    """Return who set a kind's limits, when and why."""
    at = f" at {clock_time(kind.limited_at, now)}" if kind.limited_at else ""
    return " ".join(f"{kind.limited_by}{at}{_reason(kind.limited_reason)}".split())


def _reason(reason: str | None) -> str:
    return f": {reason.rstrip('.')}" if reason else ", without a reason"


def _before(context: JobContext) -> tuple[str, ...]:
    ahead = context.place.all_ahead
    return (f"{counted_up(ahead)} due {'job' if ahead == 1 else 'jobs'} in the queue before it.",) if ahead else ()


def _blocked(context: JobContext, why: str, others: Sequence[str]) -> Explanation:
    kind = context.controls.kind
    source = f"Set by {_author(kind, context.now)}." if kind and kind.limited_by else "An admin limited it."
    sentence = f"{name_of(context)} is not running because {why}."
    evidence = (source, *_also(others), *_before(context), *requested_evidence(context))
    return Explanation(sentence, own_turn(context), evidence)
