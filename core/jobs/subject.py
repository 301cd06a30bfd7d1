"""The subject of a job: a user or one of their connections. Lock order everywhere: first the subject, then the job."""

from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from core.models import BackgroundJob, JobStatus, PlatformConnection, User
from core.operation import Machine, Operation, Work
from core.operations import BY_NAME, MACHINES

# A worker that froze inside a transaction keeps its locks for a while: who looks after many jobs tries it again later.
_SHORT_LOCK_WAIT = text("SET LOCAL lock_timeout = '1s'")

Subject = User | PlatformConnection
SubjectT = TypeVar("SubjectT", bound=Subject)


def wait_briefly(session: Session) -> None:
    """Let the transaction wait for a locked row for a second at most."""
    session.connection().execute(_SHORT_LOCK_WAIT)


def lock_row(session: Session, table: type[SubjectT], row_id: UUID) -> SubjectT | None:
    """Lock a subject row against other jobs, but not against inserts that refer to it; None if there is no such row."""
    return session.get(table, row_id, with_for_update={"key_share": True}, populate_existing=True)


def lock_subject(session: Session, job: BackgroundJob) -> Subject | None:
    """Lock and return a job's subject; None for a task, or if the row was deleted."""
    machine = machine_of(job)
    row_id = machine.id_in(job.user_id, job.connection_id) if machine else None
    return lock_row(session, machine.table, row_id) if machine and row_id else None


def machine_of(job: BackgroundJob) -> Machine[Any] | None:
    """Return the state machine that a job moves: its operation's, or by its name if the kind is another release's."""
    kind = BY_NAME.get(job.kind)
    if kind is None:
        return next((each for each in MACHINES if each.name == job.machine), None)
    return kind.machine if isinstance(kind, Operation) else None


def lock_job(session: Session, job_id: UUID) -> BackgroundJob | None:
    """Lock a job's subject, then the job, and return its current row; None if there is no such job."""
    unlocked = session.get(BackgroundJob, job_id, populate_existing=True)
    if unlocked is None:
        return None
    lock_subject(session, unlocked)
    return session.get(BackgroundJob, job_id, with_for_update=True, populate_existing=True)


def lock_held(session: Session, job_id: UUID, token: int) -> BackgroundJob | None:
    """Lock and return a job if it runs under this token; None if the caller no longer holds it."""
    job = lock_job(session, job_id)
    return job if job and job.token == token and job.status is JobStatus.RUNNING else None


def work_of(session: Session, job: BackgroundJob, operation: Operation[Any, Any], subject: Subject) -> Work[Any, Any]:
    """Return the input of the operation's code for this job; equal in every attempt except for `done`."""
    return Work(
        session=session,
        subject=subject,
        form=operation.form(**job.args),
        key=str(job.id),
        done=job.progress_done,
        began_at=job.started_at or job.created_at,
        is_cancel_requested=partial(_is_cancel_requested, session.get_bind(), job.id),
    )


def _is_cancel_requested(bind: Engine | Connection, job_id: UUID) -> bool:
    requested = select(col(BackgroundJob.cancel_requested_at)).where(col(BackgroundJob.id) == job_id)
    with suppress(OperationalError), Session(bind) as session:  # a database that is away says so at the next checkpoint
        return session.exec(requested).first() is not None
    return False
