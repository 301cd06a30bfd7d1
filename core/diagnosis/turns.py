"""Turns in a diagnosis: what a due job waits for while others are before it, or every thread is busy."""

from core.diagnosis.context import JobContext
from core.diagnosis.place import AHEAD_LIMIT, OtherQueue


def wait_of(context: JobContext) -> str | None:
    """Return what a due job waits for, or None when a thread is free for it."""
    if context.place.ahead:
        return f"waits its turn: {_jobs(context.place.ahead)} due before it; {_threads(context)} serve the queue"
    if context.capacity.busy < context.capacity.threads:
        return None
    if urgent := [queue for queue in context.place.others if queue.urgent]:
        return (
            f"is next in its queue and waits for a thread: all {_threads(context)} that serve it are busy, "
            f"and more urgent jobs are due in {_names(urgent)}"
        )
    return f"is next in its queue and waits for a thread: all {_threads(context)} that serve it are busy"


def own_turn(context: JobContext) -> str:
    """Return what a customer reads while their job waits for its turn."""
    if ahead := context.place.all_ahead:
        return (
            f"{counted_up(ahead)} {'request is' if ahead == 1 else 'requests are'} before yours; it starts by itself."
        )
    return "It is next, and starts by itself as soon as there is room."


def queue_evidence(context: JobContext) -> tuple[str, ...]:
    """Return how many threads are busy, and which other queues share them."""
    if not context.capacity.threads or not wait_of(context):
        return ()
    busy = f"{context.capacity.busy:,} of {_threads(context)} that serve the queue {context.job.queue} are busy."
    others = context.place.others
    if not others:
        return (busy,)
    counts = ", ".join(f"{queue.name} ({counted_up(queue.waiting)})" for queue in others)
    return busy, f"They also serve other queues with due jobs: {counts}. Each queue has its turns, urgent jobs more."


def _names(queues: list[OtherQueue]) -> str:
    return ", ".join(queue.name for queue in queues)


def _threads(context: JobContext) -> str:
    threads = context.capacity.threads
    return f"{threads:,} {'thread' if threads == 1 else 'threads'}"


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{counted_up(count)} jobs are"


def counted_up(count: int) -> str:
    """Return a number that was counted up to AHEAD_LIMIT."""
    return f"{AHEAD_LIMIT:,} or more" if count >= AHEAD_LIMIT else f"{count:,}"
