"""A failure in words for the people it concerns: what it means for the job's user, what it left, what they can do."""

from collections.abc import Mapping
from typing import Final

from core.errors import GiveUp, OnlyTheOwner, TryAgain
from core.jobs.error_words import headline
from core.jobs.losses import ends_its_workers
from core.models import WORKER_LOST, BackgroundJob, PlatformConnection, User
from core.operation import FailureEffect, Operation, Progress
from core.operations import BY_NAME

#: How the error begins of a job whose work could not be undone.
UNDO_FAILED = "Cleaning up failed too"

_REPEAT: Final = "If it happens again, give our support this number"

#: What the errors of calls to other programs contain, and what their owners read of it.
_CAUSES: Final[Mapping[str, str]] = {
    "not answer": "A service that this needs did not answer",
    "answered with an error": "A service that this needs answered with an error",
    "closed the connection early": "A service that this needs broke off its answer",
}


def customer_error(job: BackgroundJob, *, is_mended: bool = False) -> str:
    """Return what a failure means for the job's owner: an error's own text names hosts, settings and classes.

    `is_mended`: the service that caused it answers properly now.
    """
    number, left = number_of(job), left_by_failure(job)
    if is_mended:
        return f"A service that this needs did not work, and answers now. {left} Please try again. {_REPEAT}: {number}."
    kind = BY_NAME.get(job.kind)
    if job.error_type == OnlyTheOwner.__name__ and isinstance(kind, Operation):
        return f"{error_of(job)} {kind.owners_way}".rstrip()
    if is_final(job):
        return (
            f"This cannot work until our team has mended something, and trying again does not help before. {left} "
            f"Please give our support this number: {number}."
        )
    if job.error_type in (TryAgain.__name__, WORKER_LOST):
        return f"{_cause(job)}. {left} Please try again in a few minutes. {_REPEAT}: {number}."
    return f"Something went wrong on our side. {left} Please try again. {_REPEAT}: {number}."


def is_final(job: BackgroundJob) -> bool:
    """Tell whether another attempt would end the same way: the code gave up, or the job ends its workers."""
    return job.error_type in (GiveUp.__name__, OnlyTheOwner.__name__) or ends_its_workers(job)


def _cause(job: BackgroundJob) -> str:
    """Return in the owner's words what an attempt failed of, as far as its error tells."""
    if job.error_type == WORKER_LOST:
        return "It was interrupted"
    error = error_of(job)
    causes = (cause for problem, cause in _CAUSES.items() if problem in error)
    return next(causes, "Something that this needs did not work")


def number_of(row: BackgroundJob | User | PlatformConnection) -> str:
    """Return the beginning of an id, which every search finds: the moment of the row's creation, to the millisecond."""
    return str(row.id)[:13]


def left_by_failure(job: BackgroundJob) -> str:
    """Return what a failed job has left, in a sentence that customers read, too."""
    if (job.error_message or "").startswith(UNDO_FAILED):
        return "Something of it may be left; cleaning up deletes it."
    return _effect_of_failure(job).after


def left_if_it_fails(job: BackgroundJob) -> str:
    """Return what a failure of an unfinished job would leave, in a sentence that customers read, too."""
    return _effect_of_failure(job).before


def _effect_of_failure(job: BackgroundJob) -> FailureEffect:
    kind = BY_NAME.get(job.kind)
    if isinstance(kind, Operation):
        return kind.on_failure(progress_of(job))
    stays = kind.cancel_effect if kind else ""
    return FailureEffect(stays, stays)


def error_of(job: BackgroundJob) -> str:
    """Return the first line of a job's error, as operators read it first."""
    return headline(job.error_message)


def progress_of(job: BackgroundJob) -> Progress:
    """Return how far a job has come."""
    return Progress(job.progress_done, job.progress_total, job.progress_message)
