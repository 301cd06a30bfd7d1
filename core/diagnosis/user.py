"""The diagnosis of a user: of their most urgent row; and of any job, with the names that its people know."""

from dataclasses import replace
from functools import cache
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core.database.statements import Query
from core.database.truncate import truncated
from core.diagnosis import row
from core.diagnosis.answer import Diagnosis
from core.diagnosis.context import JobContext, load_context
from core.diagnosis.job import explain
from core.diagnosis.remedy_blockers import with_present_blockers
from core.diagnosis.rest import RowData
from core.diagnosis.user_situation import LISTED
from core.errors import NotFound
from core.models import BackgroundJob, JobStatus, PlatformConnection, User
from core.operations import transitional_states
from core.operations.connection import connection
from core.operations.demo import demo_mode

#: Connections of a user that are looked at, the oldest first.
MOST: Final = 20


def diagnose_user(session: Session, user: User) -> Diagnosis:
    """Load the facts about a user and return the diagnosis of what is most urgent; else that of their demo mode."""
    return diagnose_in(session, user, context_of(session, user))


def context_of(session: Session, user: User) -> JobContext | None:
    """Load the context of a user's demo mode: see `row.context_of`."""
    return row.context_of(session, demo_mode, user)


def diagnose_in(session: Session, user: User, context: JobContext | None) -> Diagnosis:
    """Return the diagnosis of a user; `context` is that of their demo mode, which is loaded."""
    own = row.diagnose_in(session, demo_mode, user, context)
    return _with_names(min([own, *_of_connections(session, user)], key=_urgency), user)


def diagnose(user: User, context: JobContext | None, data: RowData | None = None) -> Diagnosis:
    """Return the diagnosis of a user's demo mode from loaded facts: see `row.diagnose`."""
    return _with_names(row.diagnose(demo_mode, user, context, data), user)


def _of_connections(session: Session, user: User) -> list[Diagnosis]:
    """Return the diagnoses of the user's connections that are not at rest, or have a job."""
    rows = session.execute(_unrest(), {"user_id": user.id}).scalars().all()
    return [row.diagnose_row(session, connection, each) for each in rows]


@cache
def _unrest() -> Query:
    links = truncated(PlatformConnection)
    states = [*transitional_states(connection), connection.failed]
    own = sa.select(links).where(col(links.user_id) == sa.bindparam("user_id"), col(links.is_demo).is_(False))
    at_work = sa.select(col(BackgroundJob.connection_id)).where(
        col(BackgroundJob.user_id) == sa.bindparam("user_id"),
        col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
    )
    moves = sa.or_(col(links.connection_status).in_(states), col(links.id).in_(at_work))
    return own.where(moves).order_by(col(links.created_at)).limit(MOST)


def _urgency(diagnosis: Diagnosis) -> int:
    return LISTED.index(diagnosis.situation) if diagnosis.situation in LISTED else len(LISTED)


def explain_job(session: Session, job_id: UUID) -> Diagnosis:
    """Load the facts about one job and return its diagnosis; raises NotFound."""
    jobs = truncated(BackgroundJob)
    job = session.exec(select(jobs).where(col(jobs.id) == job_id)).first()
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    diagnosis = with_present_blockers(session, explain(load_context(session, job)), job)
    user = session.get(User, job.user_id) if diagnosis.for_admins and job.user_id else None
    return _with_names(diagnosis, user) if user else diagnosis


def _with_names(diagnosis: Diagnosis, user: User) -> Diagnosis:
    """Return it with a message to the admins that names the user and the number of others in the same trouble."""
    message = diagnosis.for_admins
    if not message:
        return diagnosis
    end = "" if message.endswith((".", "?")) else "."
    others = (each.sentence for each in diagnosis.alike)
    return replace(diagnosis, for_admins=" ".join([f"{message}{end}", f"It is about {user.email}.", *others]))
