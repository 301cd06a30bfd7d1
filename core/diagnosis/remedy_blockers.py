"""Remedies that make or start a job: where that job could not begin now, their effects and the evidence say why."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar

from sqlmodel import Session

from core import clock
from core.diagnosis.answer import Diagnosis, Explanation, Remedy
from core.diagnosis.blockers import blockers_of_a_start
from core.diagnosis.context import JobContext, load_context
from core.diagnosis.lost import end_of
from core.models import BackgroundJob, JobStatus
from core.operations import BY_NAME

Answer = TypeVar("Answer", Diagnosis, Explanation)

#: So far ahead that nothing is counted before it in its queue.
_LATER: Final = timedelta(days=1)
_START_NOW: Final = "job.start_now"


def with_present_blockers(session: Session, diagnosis: Diagnosis, job: BackgroundJob | None) -> Diagnosis:
    """Return a diagnosis, of a user or of their `job`, whose remedies say what their jobs would wait for."""
    mended = diagnosis.if_mended and _with_blockers(session, diagnosis.if_mended, job)
    return replace(_with_blockers(session, diagnosis, job), if_mended=mended)


def _with_blockers(session: Session, answer: Answer, job: BackgroundJob | None) -> Answer:
    offered = [each for each in (answer.remedy, *answer.others) if each]
    contexts = {place: start_context(session, *place) for each in offered if (place := _place_of(each, job))}
    blockers = {place: " and ".join(blockers_of_a_start(context)) for place, context in contexts.items()}

    def shown(remedy: Remedy) -> Remedy:
        place = _place_of(remedy, job)
        if not place or not blockers[place]:
            return remedy
        return _waiting(remedy, f"{blockers[place]}{_end_of_start(remedy, job, contexts[place])}")

    new = [_place_of(each, job) for each in offered if each.command != _START_NOW]
    facts: Mapping[str, None] = dict.fromkeys(
        f"At the moment, {blockers[place]}." for place in new if place and blockers[place]
    )
    return replace(
        answer,
        evidence=(*answer.evidence, *facts),
        remedy=answer.remedy and shown(answer.remedy),
        others=tuple(map(shown, answer.others)),
    )


def start_context(session: Session, kind: str, queue: str) -> JobContext:
    """Return the context of a job of this kind in this queue that is to start now: its capacity and controls."""
    job = BackgroundJob(kind=kind, queue=queue, status=JobStatus.QUEUED, run_at=clock.now() + _LATER)
    return load_context(session, job)


def _place_of(remedy: Remedy, job: BackgroundJob | None) -> tuple[str, str] | None:
    """Return kind and queue of the job that a remedy makes or starts; None: it does neither."""
    if job and remedy.command == _START_NOW:
        return job.kind, job.queue
    makes_it_again = remedy.command == "job.retry" or (remedy.command.endswith(".repair") and remedy.args)
    kind = BY_NAME.get(job.kind if job and makes_it_again else remedy.command)
    return (kind.name, kind.queue) if kind else None


def _end_of_start(remedy: Remedy, job: BackgroundJob | None, context: JobContext) -> str:
    """Return when a job that is started now ends as failed because no worker comes, or empty."""
    if job is None or remedy.command != _START_NOW or context.capacity.workers:
        return ""
    return end_of(replace(context, job=job), due=context.now)


def _waiting(remedy: Remedy, blockers: str) -> Remedy:
    effect = "It is due at once." if remedy.command == _START_NOW else remedy.effect
    return replace(remedy, effect=f"{effect} It would wait: {blockers}.")
