"""A machine's row while no job is at work on it: do its state and its data say what the last job says?

Lists do not read the data; a row's page, the API and the CLI do, and `doctor` checks the same of all rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.context import JobContext, name_of
from core.diagnosis.ended import retry_remedy
from core.jobs.failure_words import number_of
from core.jobs.proof import is_by_hand, is_plan, proven_state
from core.models import TERMINAL, Event, JobStatus
from core.operation import Machine, Operation
from core.operations import BY_NAME
from core.wording import clock_time

_OUR_FAULT: Final = "Something went wrong on our side, and {label} does not go on by itself. Our support can mend it"


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFamily:
    """What is particular to the rows of one machine: what is loaded of their data, and what is said of it at rest."""

    load: Callable[[Session, Any, JobContext | None], Any]
    #: What is wrong with the data in a state that the last job has left so; None: nothing.
    damage: Callable[[Any, JobContext | None, Any], Explanation | None]
    at_rest: Callable[[Any, JobContext | None], Explanation]
    #: The buttons that do what a cancelled job was to do, from a state.
    again: Callable[[JobContext, str], tuple[Remedy, ...]]
    #: Of a row that has failed and goes on by itself (Machine.goes_on), where some do.
    goes_on: Callable[[Any, JobContext | None], Explanation] | None = None


@dataclass(frozen=True, slots=True)
class RowData:
    """What a row's data and the log say: what its family has loaded, how the last job ended, and the last repair."""

    own: Any = None
    #: By its event; None: the program did not end it.
    ending: JobStatus | None = None
    #: Who repaired this row after the last job had ended, in words; empty: no one.
    repaired: str = ""


def load_data(
    session: Session, machine: Machine[Any], family: RowFamily, row: Any, context: JobContext | None
) -> RowData | None:
    """Load what a diagnosis of a row at rest needs; None while a job is at work."""
    if context and context.job.status not in TERMINAL:
        return None
    ending = context.ending if context else None
    return RowData(family.load(session, row, context), ending, _repaired(session, machine, row, context))


def drift(
    machine: Machine[Any], family: RowFamily, row: Any, context: JobContext | None, data: RowData | None
) -> Explanation:
    """Explain a transitional state without a job at work."""
    state = machine.state_of(row)
    last = f"Its latest job: {context.end}." if context else "It has never had a job."
    edited = "a job's row" if context and context.is_by_hand else f"the {machine.noun}'s row"
    return _repairable(
        machine,
        family,
        row,
        context,
        data or RowData(),
        f"{machine.label} says {state}, but no job is at work on it. It cannot continue by itself.",
        (last, f"This happens when someone edits {edited} in the database."),
    )


def drift_beside_plan(machine: Machine[Any], family: RowFamily, row: Any, plan: JobContext) -> Explanation | None:
    """Explain a state that is not the one in which a planned job has found its row; None if it is."""
    state, proven = machine.state_of(row), proven_state(plan.job, None)
    if not is_plan(plan.job, state) or proven in (None, state):
        return None
    sentence = (
        f"{machine.label} says {state}, but it was {proven}, and no job has moved it: someone changed it in the "
        "database."
    )
    waits = f"{name_of(plan)} is planned, and has not begun; it stays as it is."
    return _repairable(machine, family, row, plan, RowData(), sentence, (waits,))


def damage_of(
    machine: Machine[Any], family: RowFamily, row: Any, context: JobContext | None, data: RowData
) -> Explanation | None:
    """Explain what is wrong with a row at rest: a state or data that the last job did not leave."""
    state, proven = machine.state_of(row), proven_state(context.job, data.ending) if context else None
    if context and proven and proven != state and not data.repaired:
        sentence = (
            f"{machine.label} says {state}, but its last job left it {proven}: someone changed it in the database."
        )
        last = f"Its latest job: {name_of(context)} {context.end}."
        return _repairable(machine, family, row, context, data, sentence, (last,))
    if context and is_by_hand(context.job, data.ending):
        ending = f"it had {data.ending}" if data.ending else "the job has no ending"
        sentence = f"The status of its last job, {context.label}, was written in the database: {ending}."
        return _repairable(machine, family, row, context, data, sentence, ())
    return family.damage(row, context, data.own)


def same_again(context: JobContext, state: str) -> tuple[Remedy, ...]:
    """Return the button that requests a cancelled job again, if it may start from this state."""
    job, kind = context.job, BY_NAME.get(context.job.kind)
    if job.status is not JobStatus.CANCELLED or not isinstance(kind, Operation) or kind.needs_consent:
        return ()
    if state not in kind.source:
        return ()
    return (replace(retry_remedy(job, f"{kind.label} again"), effect="Requests the same again, as a new job."),)


def _repairable(
    machine: Machine[Any],
    family: RowFamily,
    row: Any,
    context: JobContext | None,
    data: RowData,
    sentence: str,
    evidence: tuple[str, ...],
) -> Explanation:
    repair = Remedy(machine.repair, row.id, "Repair", effect_of_repair(machine, context, data.ending))
    ways = family.again(context, _state_after_repair(machine, context, data)) if context else ()
    others = tuple(_repair_and(repair, again) for again in ways if again.command == "job.retry")
    fault, number = _OUR_FAULT.format(label=machine.label.lower()), number_of(context.job if context else row)
    return Explanation(sentence, f"{fault}: please give them this number: {number}.", evidence, repair, others)


def _repair_and(repair: Remedy, again: Remedy) -> Remedy:
    """Return the button that does both."""
    label = f"Repair and {again.label[0].lower()}{again.label[1:]}"
    effect = f"{repair.effect} Then {again.effect[0].lower()}{again.effect[1:]}"
    return replace(repair, label=label, effect=effect, args={"start_again": True})


def _state_after_repair(machine: Machine[Any], context: JobContext, data: RowData) -> str:
    return proven_state(context.job, data.ending) or machine.failed


def effect_of_repair(machine: Machine[Any], context: JobContext | None, ending: JobStatus | None) -> str:
    """Return what Repair does, in words; `ending`: that of the last job's event."""
    label, proven = machine.label.lower(), proven_state(context.job, ending) if context else None
    if proven is None:
        return "Marks it failed, so that you can retry or clean up."
    if context and context.job.status not in TERMINAL:
        return f"Sets {label} to {proven}, as it was; the planned job stays."
    if context and ending is None and is_by_hand(context.job, None):
        return f"Ends the job as the program would, deletes what it left, and sets {label} to {proven}."
    return f"Sets {label} to {proven}, as the last job left it."


def _repaired(session: Session, machine: Machine[Any], row: Any, context: JobContext | None) -> str:
    since = context.job.updated_at if context else row.created_at
    owner_id = getattr(row, "user_id", row.id)
    found = fetch(session, _repair_since(machine.noun), row_id=row.id, owner_id=owner_id, since=since)
    if not found or found[0][0] != machine.state_of(row):
        return ""
    _, at, actor, reason, now = found[0]
    why = f": {reason.rstrip('.')}" if reason else ""
    return f"{actor} repaired it at {clock_time(at, now)}{why}."


@cache
def _repair_since(noun: str) -> Query:
    # An index finds events by their user; those of a connection name it, too.
    is_of_row = getattr(Event, f"{noun}_id") == sa.bindparam("row_id")
    mine = (col(Event.user_id) == sa.bindparam("owner_id"), is_of_row, col(Event.name) == f"{noun}.repaired")
    state = sa.func.jsonb_extract_path_text(col(Event.data), "now")
    shown = (state, col(Event.at), col(Event.actor), col(Event.reason), sa.func.statement_timestamp())
    late = col(Event.at) > sa.bindparam("since", type_=sa.DateTime(timezone=True))
    return sa.select(*shown).where(*mine, late).order_by(col(Event.id).desc()).limit(1)
