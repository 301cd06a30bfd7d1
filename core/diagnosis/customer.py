"""A creator's demo mode as they see it: its state, its job, and the outcome of the latest job."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from core.diagnosis.context import latest_job, load_context
from core.errors import GiveUp, NotFound, TryAgain
from core.jobs.labels import Label
from core.models import BackgroundJob, DemoModeStatus, User

#: Shown to a creator instead of a job's error message, which has addresses and advice for operators.
_OUR_FAULT = "Something went wrong on our side. Please try again. If it keeps happening, give support this number: {}."
_NOT_AVAILABLE = "The demo service is not available at the moment. Please try again in a few minutes."
_FOR_OUR_TEAM = "Our team has to look at this; trying again will not help until then. Give support this number: {}."


@dataclass(frozen=True, slots=True)
class DemoState:
    """What the creator's two pages show; the job's progress is that of its last checkpoint."""

    status: DemoModeStatus
    preset: str | None
    job_id: UUID | None = None
    kind: str = ""
    label: Label | None = None
    done: int = 0
    total: int = 0
    message: str = ""
    run_at: datetime | None = None
    finished_at: datetime | None = None
    result: dict[str, Any] | None = None
    error: str | None = None


def demo_state(session: Session, user_id: UUID) -> DemoState:
    """Return the present state of a creator's demo mode; raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("This account no longer exists.")
    job = latest_job(session, user_id)
    if job is None:
        return DemoState(user.demo_mode_status, user.demo_preset)
    return DemoState(
        status=user.demo_mode_status,
        preset=user.demo_preset or (job.args.get("preset") if job.token else None),
        job_id=job.id,
        kind=job.kind,
        label=load_context(session, job).label,
        done=job.progress_done,
        total=job.progress_total,
        message=job.progress_message,
        run_at=job.run_at,
        finished_at=job.finished_at,
        result=job.result,
        error=error_for_owner(job),
    )


def error_for_owner(job: BackgroundJob) -> str | None:
    """Return a job's error for its owner; the message itself is for operators only."""
    if job.error_type is None:
        return None
    if job.error_type in _names(TryAgain):
        return _NOT_AVAILABLE
    return (_FOR_OUR_TEAM if job.error_type in _names(GiveUp) else _OUR_FAULT).format(str(job.id)[-12:])


def _names(error: type[Exception]) -> set[str]:
    return {error.__name__}.union(*(_names(kind) for kind in error.__subclasses__()))
