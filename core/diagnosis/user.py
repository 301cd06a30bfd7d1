"""The diagnosis of a user's demo mode: one sentence, the evidence, and the one remedy that is safe to press.

`diagnose` is a pure function over loaded facts. A remedy names a command, so that the button, the API and the CLI offer
the same one.
"""

from uuid import UUID

from sqlmodel import Session, col, select

from core.database.truncate import truncated
from core.diagnosis.context import Diagnosis, Explanation, JobContext, Remedy, latest_job, load_context, name_of
from core.diagnosis.job import explain, explanation_of
from core.diagnosis.situation import situation_of_row
from core.errors import NotFound
from core.jobs.labels import Label
from core.models import TERMINAL, BackgroundJob, User
from core.operations import clean_up_of, operation_during
from core.operations.demo import demo_mode


def diagnose_user(session: Session, user: User) -> Diagnosis:
    """Load the facts about a user's demo mode and return its diagnosis."""
    job = latest_job(session, user.id)
    return diagnose(user, load_context(session, job) if job else None)


def explain_job(session: Session, job_id: UUID) -> Diagnosis:
    """Load the facts about one job and return its diagnosis; raises NotFound."""
    jobs = truncated(BackgroundJob)
    job = session.exec(select(jobs).where(col(jobs.id) == job_id)).first()
    if job is None:
        raise NotFound(f"There is no job with id {job_id}.")
    return explain(load_context(session, job))


def diagnose(user: User, context: JobContext | None) -> Diagnosis:
    """Return the diagnosis of a user's demo mode; `context` is its active job, or else its latest one, or None."""
    state = user.demo_mode_status
    active = context if context and context.job.status not in TERMINAL else None
    situation = situation_of_row(state, active.situation if active else None, demo_mode)
    if active:
        explanation = explanation_of(active)
    elif operation_during(demo_mode, state):
        explanation = _drift(user, context)
    elif state == demo_mode.failed:
        explanation = (
            explanation_of(context) if context and context.label is Label.FAILED else _failed_without_a_job(user)
        )
    else:
        explanation = Explanation(f"No problem found: demo mode is {state}.", _latest(context))
    return Diagnosis.of(situation, explanation)


def _latest(context: JobContext | None) -> tuple[str, ...]:
    if context is None:
        return ()
    return (f"Latest job: {name_of(context)} {context.label}, {context.since(context.job.finished_at)} ago.",)


def _drift(user: User, context: JobContext | None) -> Explanation:
    state = user.demo_mode_status
    last = (
        f"Its latest job: {context.label} {context.since(context.job.finished_at)} ago."
        if context
        else "It has never had a job."
    )
    return Explanation(
        f"Demo mode says {state}, but no job is at work on it. It cannot continue by itself.",
        (last, "This happens when someone edits a job's row in the database."),
        Remedy("user.repair", user.id, "Repair", "Marks it failed, so that you can retry or clean up."),
    )


def _failed_without_a_job(user: User) -> Explanation:
    clean_up = clean_up_of(demo_mode)
    effect = "Deletes the remaining demo data and turns demo mode off."
    return Explanation(
        "Demo mode failed, but no failed job explains why.",
        (),
        Remedy(clean_up.name, user.id, clean_up.label, effect) if clean_up else None,
    )
