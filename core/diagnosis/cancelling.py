"""Ending a job early, and failing: when it ends and what that leaves, said by its kind from how far the job is."""

from typing import Final

from core.diagnosis.answer import Remedy
from core.jobs.failure_words import left_if_it_fails, progress_of
from core.models import BackgroundJob, JobStatus
from core.operation import CancelOffer, Operation, Progress
from core.operations import BY_NAME

#: When a running job ends: one with a worker, and one that has lost its worker.
AT_CHECKPOINT: Final = "It stops at its next checkpoint."
AT_SWEEP: Final = "The next sweep ends it."


def cancel_remedy(job: BackgroundJob, when_running: str = AT_CHECKPOINT) -> Remedy | None:
    """Return the button that ends a job early; None once it was asked to stop."""
    if job.cancel_requested_at:
        return None
    offer = cancel_offer(job, when_running)
    return Remedy("job.cancel", job.id, offer.label, offer.effect)


def or_cancel(job: BackgroundJob) -> tuple[Remedy, ...]:
    """Return the same as something that helps instead."""
    remedy = cancel_remedy(job)
    return (remedy,) if remedy else ()


def cancel_offer(job: BackgroundJob, when_running: str = AT_CHECKPOINT) -> CancelOffer:
    """Return the label of that button, when the job ends, and what it leaves."""
    if not job.has_begun:
        return CancelOffer("Cancel", "It ends at once; it has changed nothing yet.")
    offer = offer_of_kind(job.kind, progress_of(job))
    when = "It ends at once." if job.status is JobStatus.QUEUED else when_running
    if job.kind not in BY_NAME and job.machine and job.status is JobStatus.QUEUED:
        return CancelOffer(offer.label, f"{when} This release cannot undo what it did: press Repair afterwards.")
    return CancelOffer(offer.label, f"{when} {offer.effect}".rstrip())


def offer_of_kind(name: str, at: Progress) -> CancelOffer:
    """Return what ending a job of a kind leaves when it has come this far; an unknown kind leaves nothing to say."""
    kind = BY_NAME.get(name)
    if isinstance(kind, Operation):
        return kind.on_cancel(at)
    return CancelOffer("Cancel", kind.cancel_effect if kind else "")


def customer_offer(job: BackgroundJob) -> CancelOffer:
    """Return the label and the effect of that button in words for the job's owner."""
    if job.token == 0:
        return CancelOffer("Cancel", "Everything stays as it is.")
    return offer_of_kind(job.kind, progress_of(job))


def if_it_cannot_go_on(job: BackgroundJob) -> str:
    """Return what customers read of a job that may end without its worker: what that would leave."""
    if not job.has_begun:
        return "Nothing has changed yet."
    left = left_if_it_fails(job)
    then = f". In that case, {left[0].lower()}{left[1:]}" if left else "."
    return f"If it cannot go on, it ends, and we say so here{then}"
