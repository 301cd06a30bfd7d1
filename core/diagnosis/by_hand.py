"""The diagnosis of a job whose end a person wrote into the database: what is known, and who can put it right."""

from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.context import JobContext, name_of, requested_evidence
from core.diagnosis.rest import effect_of_repair
from core.jobs.failure_words import error_of, number_of
from core.jobs.retry import RETRYABLE
from core.operation import Operation
from core.operations import BY_NAME


def by_hand(context: JobContext) -> Explanation:
    """Explain such a job: Repair, if its user waits for it; Retry otherwise, where the work can be done again."""
    job = context.job
    begun = (
        f"{job.token:,} {'attempt had' if job.token == 1 else 'attempts had'} begun."
        if job.token
        else "It had not begun."
    )
    error = (f"Its last error: {error_of(job)}",) if job.error_message else ()
    return Explanation(
        f"{name_of(context)} is {context.label}: it was changed directly in the database; {_known(context)}.",
        f"It did not end as it should. Please give our support this number: {number_of(job)}.",
        (begun, *error, *requested_evidence(context)),
        _remedy(context),
    )


def _known(context: JobContext) -> str:
    if context.ending is not None:
        return f"the program had ended it as {context.ending}"
    return "when is not recorded"


def _remedy(context: JobContext) -> Remedy | None:
    job, kind = context.job, BY_NAME.get(context.job.kind)
    if context.is_latest and isinstance(kind, Operation):
        machine, row_id = kind.machine, kind.machine.id_in(job.user_id, job.connection_id)
        return Remedy(machine.repair, row_id, "Repair", effect_of_repair(machine, context, context.ending))
    if kind is None or job.status not in RETRYABLE:
        return None
    return Remedy("job.retry", job.id, "Retry", "A new job does the same work; this one stays as it is.")
