"""A user's demo mode while no job is at work on it: do its state and its data say what the last job says?

Lists do not read interactions; a user's page, the API and the CLI do, and `doctor` checks the same of everyone.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.demo import rows
from core.demo.presets import Preset
from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.context import JobContext, name_of
from core.diagnosis.ended import row_clean_up
from core.jobs.failure_words import number_of
from core.jobs.proof import is_by_hand, is_plan, proven_state
from core.models import TERMINAL, BackgroundJob, DemoModeStatus, Event, JobStatus, User
from core.operation import Operation
from core.operations import BY_NAME, operations_on
from core.operations.demo import demo_mode
from core.wording import clock_time, counted

_OUR_FAULT: Final = "Something went wrong on our side, and demo mode does not go on by itself. Our support can mend it"


@dataclass(frozen=True, slots=True)
class UserData:
    """What a user's rows and the log say: their generated interactions, how the last job ended, and the last repair."""

    interactions: int
    #: How many of them the last job that began has reported; None: it did not succeed, or reports none.
    reported: int | None = None
    #: By its event; None: the program did not end it.
    ending: JobStatus | None = None
    #: Who repaired this user after the last job had ended, in words; empty: no one.
    repaired: str = ""


def load_data(session: Session, user: User, context: JobContext | None) -> UserData | None:
    """Load what a diagnosis of a user at rest needs; None while a job is at work."""
    if context and context.job.status not in TERMINAL:
        return None
    ending = context.ending if context else None
    reports = fetch(session, _reports(), user_id=user.id, machine=demo_mode.name)
    reported = int(reports[0][1]) if reports and reports[0][0] == JobStatus.SUCCEEDED and reports[0][1] else None
    return UserData(rows.count_interactions(session, user.id), reported, ending, _repaired(session, user, context))


def drift(user: User, context: JobContext | None, data: UserData | None) -> Explanation:
    """Explain a transitional state without a job at work."""
    state = user.demo_mode_status
    last = f"Its latest job: {context.end}." if context else "It has never had a job."
    row = "a job's row" if context and context.is_by_hand else "the user's row"
    return _repairable(
        user,
        context,
        data or UserData(0),
        f"Demo mode says {state}, but no job is at work on it. It cannot continue by itself.",
        (last, f"This happens when someone edits {row} in the database."),
    )


def drift_beside_plan(user: User, plan: JobContext) -> Explanation | None:
    """Explain a state that is not the one in which a planned job has found its user; None if it is."""
    state, proven = user.demo_mode_status, proven_state(plan.job, None)
    if not is_plan(plan.job, state) or proven in (None, state):
        return None
    sentence = (
        f"Demo mode says {state}, but it was {proven}, and no job has moved it: someone changed it in the database."
    )
    waits = f"{name_of(plan)} is planned, and has not begun; it stays as it is."
    return _repairable(user, plan, UserData(0), sentence, (waits,))


def damage_of(user: User, context: JobContext | None, data: UserData) -> Explanation | None:
    """Explain what is wrong with a user at rest: a state or data that the last job did not leave."""
    state, proven = user.demo_mode_status, proven_state(context.job, data.ending) if context else None
    if context and proven and proven != state and not data.repaired:
        sentence = f"Demo mode says {state}, but its last job left it {proven}: someone changed it in the database."
        last = f"Its latest job: {name_of(context)} {context.end}."
        return _repairable(user, context, data, sentence, (last,))
    if context and is_by_hand(context.job, data.ending):
        ending = f"it had {data.ending}" if data.ending else "the job has no ending"
        sentence = f"The status of its last job, {context.label}, was written in the database: {ending}."
        return _repairable(user, context, data, sentence, ())
    if state is DemoModeStatus.ENABLED and data.reported not in (None, data.interactions):
        preset = user.demo_preset or (context.job.args.get("preset") if context else None)
        return _incomplete(user, preset, data.interactions, data.reported or 0)
    if context and state in (DemoModeStatus.DISABLED, DemoModeStatus.FAILED) and data.interactions:
        return _left_over(user, data.interactions)
    return None


def start_again(context: JobContext, state: DemoModeStatus) -> tuple[Remedy, ...]:
    """Return the button that does what the last job was to do, from this state, if a person ended it early."""
    job, kind = context.job, BY_NAME.get(context.job.kind)
    if job.status is not JobStatus.CANCELLED or not isinstance(kind, Operation) or job.user_id is None:
        return ()
    preset = job.args.get("preset")
    label = f"Start again as {Preset(preset).profile.label}" if preset in list(Preset) else f"{kind.label} again"
    if state in kind.source:
        return (Remedy("job.retry", job.id, label, "Requests the same again, as a new job."),)
    # A switch that was stopped has left nothing to switch from.
    ways = (each for each in operations_on(demo_mode) if state in each.source and each.target == kind.target)
    return tuple(
        Remedy(each.name, job.user_id, label, f"Requests it by *{each.label}*.", {"preset": preset})
        for each in ways
        if preset in list(Preset)
    )


def _repairable(
    user: User, context: JobContext | None, data: UserData, sentence: str, evidence: tuple[str, ...]
) -> Explanation:
    effect = effect_of_repair(context, data.ending)
    repair = Remedy("user.repair", user.id, "Repair", effect)
    state = DemoModeStatus(_state_after_repair(context, data)) if context else None
    ways = start_again(context, state) if context and state else ()
    others = tuple(_repair_and(repair, again) for again in ways if again.command == "job.retry")
    number = number_of(context.job if context else user)
    return Explanation(sentence, f"{_OUR_FAULT}: please give them this number: {number}.", evidence, repair, others)


def _repair_and(repair: Remedy, again: Remedy) -> Remedy:
    """Return the button that does both."""
    label = f"Repair and {again.label[0].lower()}{again.label[1:]}"
    effect = f"{repair.effect} Then {again.effect[0].lower()}{again.effect[1:]}"
    return replace(repair, label=label, effect=effect, args={"start_again": True})


def _state_after_repair(context: JobContext, data: UserData) -> str:
    return proven_state(context.job, data.ending) or demo_mode.failed


def effect_of_repair(context: JobContext | None, ending: JobStatus | None) -> str:
    """Return what Repair does, in words; `ending`: that of the last job's event."""
    proven = proven_state(context.job, ending) if context else None
    if proven is None:
        return "Marks it failed, so that you can retry or clean up."
    if context and context.job.status not in TERMINAL:
        return f"Sets demo mode to {proven}, as it was; the planned job stays."
    if context and ending is None and is_by_hand(context.job, None):
        return f"Ends the job as the program would, deletes what it left, and sets demo mode to {proven}."
    return f"Sets demo mode to {proven}, as the last job left it."


def _incomplete(user: User, preset: str | None, found: int, expected: int) -> Explanation:
    """Explain an account that has fewer or more interactions than its last job wrote."""
    sentence = f"Demo mode is enabled, but {found:,} of {counted(expected, 'interaction')} are there."
    customer = f"{found:,} of {expected:,} generated interactions are there. Choose a creator to fill it again."
    evidence = ("Someone changed the interactions in the database; the job had written them all.",)
    state = user.demo_mode_status
    refill = next((each for each in operations_on(demo_mode) if state in each.source and each.target == state), None)
    if refill is None or preset not in list(Preset):
        return Explanation(sentence, customer, evidence)
    effect = f"Replaces the generated interactions by all {expected:,} of a {Preset(preset).profile.label}."
    return Explanation(
        sentence, customer, evidence, Remedy(refill.name, user.id, "Fill again", effect, {"preset": preset})
    )


def _left_over(user: User, found: int) -> Explanation:
    sentence = f"Demo mode is {user.demo_mode_status}, but {counted(found, 'generated interaction')} are still there."
    customer = f"{counted(found, 'generated interaction')} are still in your account because of a fault on our side."
    remedy = Remedy("user.repair", user.id, "Repair", "Deletes them; the user's own data stays.")
    if user.demo_mode_status == demo_mode.failed:
        remedy = row_clean_up(demo_mode, user.id) or remedy
    return Explanation(sentence, customer, ("Someone changed rows in the database.",), remedy)


@cache
def _reports() -> Query:
    """Select status and reported interactions of a user's last job that began: others have changed nothing."""
    job = BackgroundJob
    mine = (
        col(job.user_id) == sa.bindparam("user_id"),
        col(job.machine) == sa.bindparam("machine"),
        col(job.token) > 0,
        col(job.started_at).is_not(None),
    )
    reported = sa.func.jsonb_extract_path_text(col(job.result), "interactions")
    newest = (col(job.created_at).desc(), col(job.id).desc())
    return sa.select(col(job.status), reported).where(*mine).order_by(*newest).limit(1)


def _repaired(session: Session, user: User, context: JobContext | None) -> str:
    since = context.job.updated_at if context else user.created_at
    found = fetch(session, _repair_since(), user_id=user.id, since=since)
    if not found or found[0][0] != user.demo_mode_status:
        return ""
    _, at, actor, reason, now = found[0]
    why = f": {reason.rstrip('.')}" if reason else ""
    return f"{actor} repaired it at {clock_time(at, now)}{why}."


@cache
def _repair_since() -> Query:
    mine = (col(Event.user_id) == sa.bindparam("user_id"), col(Event.name) == "user.repaired")
    state = sa.func.jsonb_extract_path_text(col(Event.data), "now")
    shown = (state, col(Event.at), col(Event.actor), col(Event.reason), sa.func.statement_timestamp())
    late = col(Event.at) > sa.bindparam("since", type_=sa.DateTime(timezone=True))
    return sa.select(*shown).where(*mine, late).order_by(col(Event.id).desc()).limit(1)
