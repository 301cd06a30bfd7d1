"""The diagnosis of a user's demo mode: two sentences, the evidence, and the one remedy that is safe to press.

`diagnose` is a pure function over loaded facts. A remedy names a command, so that the button, the API and the CLI offer
the same one.
"""

from dataclasses import replace
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core.database.statements import Query
from core.database.truncate import truncated
from core.diagnosis.answer import Diagnosis, Explanation
from core.diagnosis.context import JobContext, load_context, name_of
from core.diagnosis.ended import row_clean_up
from core.diagnosis.job import explain, explanation_of
from core.diagnosis.latest import latest_job
from core.diagnosis.remedy_blockers import with_present_blockers
from core.diagnosis.rest import UserData, damage_of, drift, drift_beside_plan, load_data, start_again
from core.diagnosis.situation import Situation, situation_of_row
from core.errors import NotFound
from core.jobs.failure_words import number_of
from core.jobs.labels import Label
from core.models import TERMINAL, BackgroundJob, JobStatus, User
from core.operations import operation_during
from core.operations.demo import demo_mode


def diagnose_user(session: Session, user: User) -> Diagnosis:
    """Load the facts about a user's demo mode and return its diagnosis."""
    return diagnose_in(session, user, context_of(session, user))


def context_of(session: Session, user: User) -> JobContext | None:
    """Load the context of a user's demo mode: of its active job, or else of the latest one, or None.

    While it is still failed, a job that was cancelled since explains nothing: then it is that of the failure before.
    """
    job = latest_job(session, user.id)
    context = load_context(session, job) if job else None
    is_hidden = context and context.label is Label.CANCELLED and not context.is_by_hand
    if not is_hidden or user.demo_mode_status != demo_mode.failed:
        return context
    before = session.execute(_latest_not_cancelled(), {"user_id": user.id}).scalar()
    if before is None or before.status is not JobStatus.FAILED:
        return context
    return replace(load_context(session, before), is_settled=False)


@cache
def _latest_not_cancelled() -> Query:
    jobs = truncated(BackgroundJob)
    of_user = (col(jobs.user_id) == sa.bindparam("user_id"), col(jobs.machine) == demo_mode.name)
    newest = (col(jobs.created_at).desc(), col(jobs.id).desc())
    return sa.select(jobs).where(*of_user, col(jobs.status) != JobStatus.CANCELLED).order_by(*newest).limit(1)


def diagnose_in(session: Session, user: User, context: JobContext | None) -> Diagnosis:
    """Return the diagnosis of a user in their context, which is loaded, with what their rows say."""
    diagnosis = diagnose(user, context, load_data(session, user, context))
    return with_present_blockers(session, diagnosis, context.job if context else None)


def explain_job(session: Session, job_id: UUID) -> Diagnosis:
    """Load the facts about one job and return its diagnosis; raises NotFound."""
    jobs = truncated(BackgroundJob)
    job = session.exec(select(jobs).where(col(jobs.id) == job_id)).first()
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    diagnosis = with_present_blockers(session, explain(load_context(session, job)), job)
    user = session.get(User, job.user_id) if diagnosis.for_admins and job.user_id else None
    return _with_names(diagnosis, user) if user else diagnosis


def diagnose(user: User, context: JobContext | None, data: UserData | None = None) -> Diagnosis:
    """Return the diagnosis of a user's demo mode; `context` is its active job, or else its latest one, or None.

    `data`: what the user's rows and the log say, which lists do not read. Without it, nothing is said about them.
    """
    return _with_names(_diagnosed(user, context, data), user)


def _with_names(diagnosis: Diagnosis, user: User) -> Diagnosis:
    """Return it with a message to the admins that names the user and the number of others in the same trouble."""
    message = diagnosis.for_admins
    if not message:
        return diagnosis
    end = "" if message.endswith((".", "?")) else "."
    others = (each.sentence for each in diagnosis.alike)
    return replace(diagnosis, for_admins=" ".join([f"{message}{end}", f"It is about {user.email}.", *others]))


def _diagnosed(user: User, context: JobContext | None, data: UserData | None) -> Diagnosis:
    state = user.demo_mode_status
    active = context if context and context.job.status not in TERMINAL else None
    situation = situation_of_row(state, active.situation if active else None, demo_mode)
    if active:
        return Diagnosis.of(situation, drift_beside_plan(user, active) or explanation_of(active))
    if operation_during(demo_mode, state):
        return Diagnosis.of(situation, drift(user, context, data))
    if data and (damage := damage_of(user, context, data)):
        return Diagnosis.of(Situation.FAILED if situation is Situation.FAILED else Situation.STUCK, damage)
    if state == demo_mode.failed:
        if context and context.label is Label.FAILED:
            return Diagnosis.of(situation, explanation_of(context))
        return Diagnosis.of(situation, _unexplained(user, context, data))
    return Diagnosis.of(situation, _at_rest(user, context))


def _at_rest(user: User, context: JobContext | None) -> Explanation:
    on = "on" if user.demo_mode_status == "enabled" else "off"
    sentence = f"No problem found: demo mode is {user.demo_mode_status}."
    if context is None:
        return Explanation(sentence, f"Demo mode is {on}.")
    latest = f"Latest job: {name_of(context)} {context.end}."
    return Explanation(sentence, f"Demo mode is {on}.", (latest,), others=start_again(context, user.demo_mode_status))


def _unexplained(user: User, context: JobContext | None, data: UserData | None) -> Explanation:
    """Explain a failed state whose last job did not fail: it was cleaning up, or was repaired."""
    if data and data.repaired:
        sentence = f"Demo mode failed: {data.repaired}"
    elif context:
        sentence = f"Demo mode is still failed: {name_of(context)} was {context.end}."
    else:
        sentence = "Demo mode failed, but no failed job explains why."
    number = number_of(context.job if context else user)
    customer = (
        "Something went wrong on our side. Try again, or clean up and start anew. "
        f"If it happens again, give our support this number: {number}."
    )
    return Explanation(sentence, customer, (), row_clean_up(demo_mode, user.id))
