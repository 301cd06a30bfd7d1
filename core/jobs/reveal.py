"""Revealing: a job's arguments with what every screen hides, for one who may, and never without a trace."""

from typing import Any
from uuid import UUID

from sqlmodel import Session

from core.actor import Actor
from core.audit.record import record
from core.errors import NotFound
from core.models import BackgroundJob


def reveal(session: Session, job_id: UUID, actor: Actor, reason: str | None = None) -> dict[str, Any]:
    """Return a job's arguments as they are stored, and record who saw them.

    Only the job's own row holds them, since its worker needs them; events and logs never did, and with the job they
    are gone. Raises NotFound.
    """
    job = session.get(BackgroundJob, job_id)
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    record(session, actor, "job.args_revealed", user_id=job.user_id, job_id=job.id, reason=reason)
    return job.args
