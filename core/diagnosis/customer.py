"""A creator's demo mode as they see it: its state, its job, and the diagnosis in the customer's voice."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.diagnosis.answer import Diagnosis
from core.diagnosis.cancelling import customer_offer
from core.diagnosis.context import JobContext
from core.diagnosis.row import diagnose_in
from core.diagnosis.service_check import ServiceCheck
from core.diagnosis.situation import Situation
from core.diagnosis.user import context_of
from core.diagnosis.waiting import own_obstacle
from core.errors import NotFound
from core.jobs.failure_words import is_final
from core.jobs.labels import Label
from core.models import TERMINAL, BackgroundJob, DemoModeStatus, JobStatus, User
from core.operation import CancelOffer
from core.operations.demo import demo_mode


@dataclass(frozen=True, slots=True)
class DemoState:
    """What the creator's two pages show; the job's progress is that of its last checkpoint."""

    status: DemoModeStatus
    preset: str | None
    #: The customer's sentence of the diagnosis; operators read the other one at the same moment.
    sentence: str = ""
    situation: Situation = Situation.FINE
    job_id: UUID | None = None
    kind: str = ""
    label: Label | None = None
    done: int = 0
    total: int = 0
    message: str = ""
    run_at: datetime | None = None
    finished_at: datetime | None = None
    result: dict[str, Any] | None = None
    #: The sentence, while demo mode has failed.
    error: str | None = None
    #: Doing the failed job again may help.
    can_retry: bool = True
    #: The outside service whose failure that is, and the sentence where it answers properly now; empty: as before.
    service: str = ""
    if_mended: str = ""
    #: What keeps it from starting when it is due, as the end of a sentence; empty: nothing that is known.
    obstacle: str = ""
    #: How the active job can be ended early; None: it was asked to stop, or there is none.
    cancel: CancelOffer | None = None


def demo_state(session: Session, user_id: UUID) -> DemoState:
    """Return the present state of a creator's demo mode; raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("This account no longer exists.")
    context = context_of(session, user)
    diagnosis = diagnose_in(session, demo_mode, user, context)
    if context is None:
        return DemoState(
            user.demo_mode_status,
            user.demo_preset,
            diagnosis.customer,
            diagnosis.situation,
            error=_error(user, diagnosis),
        )
    return _with_job(user, context, diagnosis, last_preset(session, user))


def owner_after_check(state: DemoState, check: ServiceCheck | None) -> DemoState:
    """Return a state as a look at its service leaves it: what it refused for good can be retried once it is mended."""
    if check is None or check.fault or not state.if_mended:
        return state
    return replace(state, sentence=state.if_mended, error=state.if_mended, can_retry=True)


def last_preset(session: Session, user: User) -> str | None:
    """Return the creator whose data a user has, or who was last asked for and has not come."""
    if user.demo_preset or user.demo_mode_status is DemoModeStatus.ENABLED:
        return user.demo_preset
    presets = fetch(session, _presets(), user_id=user.id, machine=demo_mode.name)
    return presets[0][0] if presets and presets[0][1] != JobStatus.SUCCEEDED else None


@cache
def _presets() -> Query:
    preset = sa.func.jsonb_extract_path_text(col(BackgroundJob.args), "preset")
    asked_for = sa.select(preset, col(BackgroundJob.status)).where(
        col(BackgroundJob.user_id) == sa.bindparam("user_id"),
        col(BackgroundJob.machine) == sa.bindparam("machine"),
        preset.is_not(None),
    )
    return asked_for.order_by(col(BackgroundJob.created_at).desc(), col(BackgroundJob.id).desc()).limit(1)


def _with_job(user: User, context: JobContext, diagnosis: Diagnosis, preset: str | None) -> DemoState:
    job = context.job
    is_active = job.status not in TERMINAL
    return DemoState(
        status=user.demo_mode_status,
        preset=preset,
        sentence=diagnosis.customer,
        situation=diagnosis.situation,
        job_id=job.id,
        kind=job.kind,
        label=context.label,
        done=job.progress_done,
        total=job.progress_total,
        message=job.progress_message,
        run_at=job.run_at,
        finished_at=job.finished_at,
        result=job.result,
        error=_error(user, diagnosis),
        can_retry=not is_final(job),
        service=diagnosis.service,
        if_mended=diagnosis.if_mended.customer if diagnosis.if_mended else "",
        obstacle=own_obstacle(context) if job.status is JobStatus.QUEUED else "",
        cancel=customer_offer(job) if is_active and not job.cancel_requested_at else None,
    )


def _error(user: User, diagnosis: Diagnosis) -> str | None:
    return diagnosis.customer if user.demo_mode_status == demo_mode.failed else None
