"""The diagnosis of a row of any state machine: two sentences, the evidence, and the one remedy that is safe to press.

`diagnose` is a pure function over loaded facts. A remedy names a command, so that the button, the API and the CLI offer
the same one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlmodel import Session

from core.diagnosis.answer import Diagnosis, Explanation
from core.diagnosis.connection_data import connection_family
from core.diagnosis.context import JobContext, load_context, name_of
from core.diagnosis.demo_data import demo_family
from core.diagnosis.ended import row_clean_up
from core.diagnosis.job import explanation_of
from core.diagnosis.latest import latest_job, latest_not_cancelled
from core.diagnosis.remedy_blockers import with_present_blockers
from core.diagnosis.rest import RowData, RowFamily, damage_of, drift, drift_beside_plan, load_data
from core.diagnosis.situation import Situation, situation_of_row
from core.jobs.failure_words import number_of
from core.jobs.labels import Label
from core.models import TERMINAL, JobStatus
from core.operation import Machine
from core.operations import operation_during
from core.operations.connection import connection
from core.operations.demo import demo_mode

#: What is particular to the rows of each machine.
FAMILIES: Final[Mapping[str, RowFamily]] = {demo_mode.name: demo_family, connection.name: connection_family}


def diagnose_row(session: Session, machine: Machine[Any], row: Any) -> Diagnosis:
    """Load the facts about a row and return its diagnosis."""
    return diagnose_in(session, machine, row, context_of(session, machine, row))


def context_of(session: Session, machine: Machine[Any], row: Any) -> JobContext | None:
    """Load the context of a row: of its active job, or else of the latest one, or None.

    While it is still failed, a job that was cancelled since explains nothing: then it is that of the failure before.
    """
    job = latest_job(session, machine.name, row.id)
    context = load_context(session, job) if job else None
    is_hidden = context and context.label is Label.CANCELLED and not context.is_by_hand
    if not is_hidden or machine.state_of(row) != machine.failed:
        return context
    before = latest_not_cancelled(session, machine.name, row.id)
    if before is None or before.status is not JobStatus.FAILED:
        return context
    return replace(load_context(session, before), is_settled=False)


def diagnose_in(session: Session, machine: Machine[Any], row: Any, context: JobContext | None) -> Diagnosis:
    """Return the diagnosis of a row in its context, which is loaded, with what its data says."""
    data = load_data(session, machine, FAMILIES[machine.name], row, context)
    diagnosis = diagnose(machine, row, context, data)
    return with_present_blockers(session, diagnosis, context.job if context else None)


def diagnose(machine: Machine[Any], row: Any, context: JobContext | None, data: RowData | None = None) -> Diagnosis:
    """Return the diagnosis of a row; `context` is its active job, or else its latest one, or None.

    `data`: what the row's data and the log say, which lists do not read. Without it, nothing is said about them.
    """
    family, state = FAMILIES[machine.name], machine.state_of(row)
    active = context if context and context.job.status not in TERMINAL else None
    situation = situation_of_row(row, active.situation if active else None, machine)
    if active:
        return Diagnosis.of(situation, drift_beside_plan(machine, family, row, active) or explanation_of(active))
    if operation_during(machine, state):
        return Diagnosis.of(situation, drift(machine, family, row, context, data))
    if data and (damage := damage_of(machine, family, row, context, data)):
        return Diagnosis.of(Situation.FAILED if situation is Situation.FAILED else Situation.STUCK, damage)
    if situation is Situation.WAITING and family.goes_on:
        return Diagnosis.of(situation, family.goes_on(row, context))
    if state == machine.failed:
        if context and context.label is Label.FAILED:
            return Diagnosis.of(situation, explanation_of(context))
        return Diagnosis.of(situation, _unexplained(machine, row, context, data))
    return Diagnosis.of(situation, family.at_rest(row, context))


def _unexplained(machine: Machine[Any], row: Any, context: JobContext | None, data: RowData | None) -> Explanation:
    """Explain a failed state whose last job did not fail: it was cleaning up, or was repaired."""
    if data and data.repaired:
        sentence = f"{machine.label} failed: {data.repaired}"
    elif context:
        sentence = f"{machine.label} is still failed: {name_of(context)} was {context.end}."
    else:
        sentence = f"{machine.label} failed, but no failed job explains why."
    number = number_of(context.job if context else row)
    customer = (
        "Something went wrong on our side. Try again, or clean up and start anew. "
        f"If it happens again, give our support this number: {number}."
    )
    return Explanation(sentence, customer, (), row_clean_up(machine, row.id))
