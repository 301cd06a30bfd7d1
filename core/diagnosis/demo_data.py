"""Demo mode at rest: are the generated interactions there that its last job has written, and none where it is off?"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.demo import rows
from core.demo.presets import Preset
from core.diagnosis.answer import Explanation, Remedy
from core.diagnosis.context import JobContext, name_of
from core.diagnosis.ended import row_clean_up
from core.diagnosis.rest import RowFamily, same_again
from core.models import BackgroundJob, DemoModeStatus, JobStatus, User
from core.operation import Operation
from core.operations import BY_NAME, operations_on
from core.operations.demo import demo_mode
from core.wording import counted


@dataclass(frozen=True, slots=True)
class DemoData:
    """A user's generated interactions."""

    interactions: int
    #: How many of them the last job that began has reported; None: it did not succeed, or reports none.
    reported: int | None = None


def _load(session: Session, user: User, _: JobContext | None) -> DemoData:
    reports = fetch(session, _reports(), user_id=user.id, machine=demo_mode.name)
    reported = int(reports[0][1]) if reports and reports[0][0] == JobStatus.SUCCEEDED and reports[0][1] else None
    return DemoData(rows.count_interactions(session, user.id), reported)


def _damage(user: User, context: JobContext | None, data: DemoData | None) -> Explanation | None:
    state = user.demo_mode_status
    if data is None:
        return None
    if state is DemoModeStatus.ENABLED and data.reported not in (None, data.interactions):
        preset = user.demo_preset or (context.job.args.get("preset") if context else None)
        return _incomplete(user, preset, data.interactions, data.reported or 0)
    if context and state in (DemoModeStatus.DISABLED, DemoModeStatus.FAILED) and data.interactions:
        return _left_over(user, data.interactions)
    return None


def _again(context: JobContext, state: str) -> tuple[Remedy, ...]:
    """Return the button that does what the last job was to do, from this state, if a person ended it early."""
    job, kind = context.job, BY_NAME.get(context.job.kind)
    if job.status is not JobStatus.CANCELLED or not isinstance(kind, Operation) or job.user_id is None:
        return ()
    preset = job.args.get("preset")
    label = f"Start again as {Preset(preset).profile.label}" if preset in list(Preset) else f"{kind.label} again"
    if state in kind.source:
        return tuple(Remedy(each.command, each.target, label, each.effect) for each in same_again(context, state))
    # A switch that was stopped has left nothing to switch from.
    ways = (each for each in operations_on(demo_mode) if state in each.source and each.target == kind.target)
    return tuple(
        Remedy(each.name, job.user_id, label, f"Requests it by *{each.label}*.", {"preset": preset})
        for each in ways
        if preset in list(Preset)
    )


def _at_rest(user: User, context: JobContext | None) -> Explanation:
    on = "on" if user.demo_mode_status == "enabled" else "off"
    sentence = f"No problem found: demo mode is {user.demo_mode_status}."
    if context is None:
        return Explanation(sentence, f"Demo mode is {on}.")
    latest = f"Latest job of demo mode: {name_of(context)} {context.end}."
    return Explanation(sentence, f"Demo mode is {on}.", (latest,), others=_again(context, user.demo_mode_status))


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
    remedy = Remedy(demo_mode.repair, user.id, "Repair", "Deletes them; the user's own data stays.")
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
    reported: Any = sa.func.jsonb_extract_path_text(col(job.result), "interactions")
    newest = (col(job.created_at).desc(), col(job.id).desc())
    return sa.select(col(job.status), reported).where(*mine).order_by(*newest).limit(1)


demo_family = RowFamily(load=_load, damage=_damage, at_rest=_at_rest, again=_again)
