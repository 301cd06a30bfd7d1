"""The diagnosis of a user's demo mode, and of any job with the names that its people know."""

from dataclasses import replace
from uuid import UUID

from sqlmodel import Session, col, select

from core.database.truncate import truncated
from core.diagnosis import row
from core.diagnosis.answer import Diagnosis
from core.diagnosis.context import JobContext, load_context
from core.diagnosis.job import explain
from core.diagnosis.remedy_blockers import with_present_blockers
from core.diagnosis.rest import RowData
from core.errors import NotFound
from core.models import BackgroundJob, User
from core.operations.demo import demo_mode


def diagnose_user(session: Session, user: User) -> Diagnosis:
    """Load the facts about a user's demo mode and return its diagnosis."""
    return diagnose_in(session, user, context_of(session, user))


def context_of(session: Session, user: User) -> JobContext | None:
    """Load the context of a user's demo mode: see `row.context_of`."""
    return row.context_of(session, demo_mode, user)


def diagnose_in(session: Session, user: User, context: JobContext | None) -> Diagnosis:
    """Return the diagnosis of a user in their context, which is loaded, with what their rows say."""
    return _with_names(row.diagnose_in(session, demo_mode, user, context), user)


def diagnose(user: User, context: JobContext | None, data: RowData | None = None) -> Diagnosis:
    """Return the diagnosis of a user's demo mode from loaded facts: see `row.diagnose`."""
    return _with_names(row.diagnose(demo_mode, user, context, data), user)


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
