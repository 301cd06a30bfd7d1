"""Revealing a job's arguments, including hidden secrets; every access is recorded in the audit log."""

from typing import Any
from uuid import UUID

from sqlmodel import Session

from core.actor import Actor
from core.audit.record import record
from core.errors import NotFound
from core.models import BackgroundJob


def reveal(session: Session, job_id: UUID, actor: Actor, reason: str | None = None) -> dict[str, Any]:
    """Return a job's arguments as stored, and record who saw them.

    Only the job's own row holds its secrets, because its worker needs them; events and logs never do. They are deleted
    with the job. Raises NotFound.
    """
    job = session.get(BackgroundJob, job_id)
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    record(session, actor, "job.args_revealed", user_id=job.user_id, job_id=job.id, reason=reason)
    return job.args
