"""Remedies that make or start a job: where that job could not begin now, their effects and the evidence say why."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlmodel import Session

from core import clock
from core.diagnosis.answer import Diagnosis, Remedy
from core.diagnosis.blockers import blockers_of_a_start
from core.diagnosis.context import load_context
from core.models import BackgroundJob, JobStatus
from core.operations import BY_NAME

#: So far ahead that nothing is counted before it in its queue.
_LATER: Final = timedelta(days=1)
_START_NOW: Final = "job.start_now"


def with_present_blockers(session: Session, diagnosis: Diagnosis, job: BackgroundJob | None) -> Diagnosis:
    """Return a diagnosis, of a user or of their `job`, whose remedies say what their jobs would wait for."""
    offered = [each for each in (diagnosis.remedy, *diagnosis.others) if each]
    blockers = {place: _blockers(session, *place) for each in offered if (place := _place_of(each, job))}

    def shown(remedy: Remedy) -> Remedy:
        place = _place_of(remedy, job)
        return _waiting(remedy, blockers[place]) if place and blockers[place] else remedy

    new = [_place_of(each, job) for each in offered if each.command != _START_NOW]
    evidence = dict.fromkeys(f"At the moment, {blockers[place]}." for place in new if place and blockers[place])
    return replace(
        diagnosis,
        evidence=(*diagnosis.evidence, *evidence),
        remedy=diagnosis.remedy and shown(diagnosis.remedy),
        others=tuple(map(shown, diagnosis.others)),
    )


def _place_of(remedy: Remedy, job: BackgroundJob | None) -> tuple[str, str] | None:
    """Return kind and queue of the job that a remedy makes or starts; None: it does neither."""
    if job and remedy.command == _START_NOW:
        return job.kind, job.queue
    makes_it_again = remedy.command == "job.retry" or (remedy.command == "user.repair" and remedy.args)
    kind = BY_NAME.get(job.kind if job and makes_it_again else remedy.command)
    return (kind.name, kind.queue) if kind else None


def _blockers(session: Session, kind: str, queue: str) -> str:
    job = BackgroundJob(kind=kind, queue=queue, status=JobStatus.QUEUED, run_at=clock.now() + _LATER)
    return " and ".join(blockers_of_a_start(load_context(session, job)))


def _waiting(remedy: Remedy, blockers: str) -> Remedy:
    effect = "It is due at once." if remedy.command == _START_NOW else remedy.effect
    return replace(remedy, effect=f"{effect} It would wait: {blockers}.")
