"""The diagnosis of a job: a pure function from its context to two sentences, the evidence and a safe remedy."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from core.diagnosis import ended, running, waiting
from core.diagnosis.alike import NOT_ALONE, facts_about
from core.diagnosis.answer import Diagnosis, Explanation
from core.diagnosis.by_hand import by_hand
from core.diagnosis.context import JobContext
from core.diagnosis.situation import Situation
from core.jobs.labels import Label


def explain(context: JobContext) -> Diagnosis:
    """Return the diagnosis of a job; what a person wrote into the database is seen here, and not in lists."""
    if context.is_by_hand:
        return Diagnosis.of(Situation.STUCK if context.is_latest else context.situation, by_hand(context))
    return Diagnosis.of(context.situation, explanation_of(context))


def explanation_of(context: JobContext) -> Explanation:
    """Return a job's sentences, its evidence and its remedy, and who else is in the same trouble."""
    explanation = _EXPLAINED.get(context.label, ended.unreadable)(context)
    alike = facts_about(context.alike, context.job, context.now)
    explanation = replace(explanation, alike=alike, service=ended.failing_service(context))
    return _not_alone(explanation) if alike else explanation


def _not_alone(explanation: Explanation) -> Explanation:
    mended = explanation.if_mended and _not_alone(explanation.if_mended)
    return replace(explanation, customer=f"{explanation.customer} {NOT_ALONE}", if_mended=mended)


_EXPLAINED: Final[Mapping[Label, Callable[[JobContext], Explanation]]] = {
    Label.QUEUED: waiting.queued,
    Label.SCHEDULED: waiting.scheduled,
    Label.RETRYING: waiting.retrying,
    Label.RUNNING: running.running,
    Label.STOPPING: running.stopping,
    Label.ORPHANED: running.orphaned,
    Label.SUCCEEDED: ended.succeeded,
    Label.FAILED: ended.failed,
    Label.CANCELLED: ended.cancelled,
}
