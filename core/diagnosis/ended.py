"""The diagnosis of a job that has ended: what failed and whether doing it again can help."""

from typing import Any
from uuid import UUID

from core.diagnosis.again import MENDED, again_of, service_of_error
from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.context import JobContext, name_of, requested_evidence
from core.diagnosis.lost import lost_attempts
from core.errors import OnlyTheOwner
from core.jobs.failure_words import customer_error, error_of, left_by_failure, number_of
from core.jobs.labels import Label
from core.models import BackgroundJob
from core.operation import Machine, Operation
from core.operations import BY_NAME, clean_up_of


def failed(context: JobContext) -> Explanation:
    """Explain a failed job: Retry where another attempt can help, else Dismiss and a message to the admins."""
    job = context.job
    sentence = f"{name_of(context)} failed {context.since(job.finished_at)} ago: {error_of(job)}"
    is_theirs, again = job.error_type == OnlyTheOwner.__name__, again_of(job)
    left = "" if is_theirs else left_by_failure(job)  # what is left of access that was withdrawn is none
    evidence = (*filter(None, [left]), lost_attempts(context), *requested_evidence(context))
    if context.is_settled:
        settled = ("It is handled: other work has come after it.", *evidence)
        return Explanation(sentence, "It did not work, and has been dealt with since.", settled)
    if is_theirs:
        return _for_the_owner(context, sentence, evidence)
    if again.sentence:
        return _failed_for_good(context, sentence, (again.sentence, *evidence))
    return Explanation(sentence, customer_error(job), evidence, retry_remedy(job) if job.kind in BY_NAME else None)


def _for_the_owner(context: JobContext, sentence: str, evidence: tuple[str, ...]) -> Explanation:
    """Explain a failure that the row's owner alone can mend; the error is written for them, too."""
    customer = customer_error(context.job)
    theirs = (f"{again_of(context.job).sentence} They read: “{error_of(context.job)}”", *evidence)
    return Explanation(sentence, customer, theirs, owners_page=context.owners_page)


def _failed_for_good(context: JobContext, sentence: str, evidence: tuple[str, ...]) -> Explanation:
    """Explain a failure that no other attempt helps, or only with the service mended; `evidence` begins with that."""
    job, clean_up, service = context.job, clean_up_remedy(context.job), failing_service(context)
    mended = Explanation(
        sentence,
        customer_error(job, is_mended=True),
        (MENDED, *evidence[1:]),
        retry_remedy(job),
        (clean_up,) if clean_up else (),
    )
    return Explanation(
        sentence,
        customer_error(job),
        evidence,
        clean_up,
        for_admins=f"Job {job.id} ({job.kind}) failed for good: {error_of(job)}",
        if_mended=mended if service else None,
    )


def succeeded(context: JobContext) -> Explanation:
    """Explain a job that did its work."""
    return Explanation(f"{name_of(context)} {context.end}.", "It is done.")


def cancelled(context: JobContext) -> Explanation:
    """Explain a job that a person ended early."""
    return Explanation(f"{name_of(context)} was {context.end}.", f"It was {context.end}.")


def unreadable(context: JobContext) -> Explanation:
    """Explain a job in a status of another release."""
    return Explanation(
        f"{name_of(context)} has the status {str(context.label)!r}, which this release does not know.",
        f"It cannot go on because of a fault on our side. Our support knows it by the number {number_of(context.job)}.",
        ("Another release or another program wrote it; no worker of this release runs the job.",),
    )


def failing_service(context: JobContext) -> str:
    """Return the outside service whose error a job ended with and has open; empty: of none."""
    is_open = context.label is Label.RETRYING or (context.label is Label.FAILED and not context.is_settled)
    return service_of_error(context.job) if is_open else ""


def retry_remedy(job: BackgroundJob, label: str = "Retry") -> Remedy:
    """Return the button that requests the same work again, with the same arguments."""
    return Remedy("job.retry", job.id, label, "A new job starts from the beginning.")


def clean_up_remedy(job: BackgroundJob) -> Remedy | None:
    """Return the button that leads a failed job's row out of its state without doing the work again."""
    kind = BY_NAME.get(job.kind)
    if not isinstance(kind, Operation) or (job.token and not job.has_begun):
        return None
    row_id = kind.machine.id_in(job.user_id, job.connection_id)
    return row_clean_up(kind.machine, row_id) if row_id else None


def row_clean_up(machine: Machine[Any], row_id: UUID) -> Remedy | None:
    """Return the button that leads a machine's row out of its failed state, if an operation does that."""
    clean_up = clean_up_of(machine)
    effect = "Turns demo mode off, and deletes demo data that is left, if any."
    return Remedy(clean_up.name, row_id, clean_up.label, effect) if clean_up else None
