"""Schedules: cron and "at", missed ticks, run now. Each tick fires once, with any number of schedulers.

A row lock lets only one scheduler at a time handle a schedule, and the primary key of its ticks prevents a second run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, col, select

from core import clock
from core.actor import ENGINE, Actor
from core.audit.record import record
from core.clock import ZonedTime
from core.database.truncate import TRUNCATED_JSON
from core.errors import Invalid, NotAllowed, NotFound, Refused
from core.jobs.request import Accepted, JobOptions, request, request_task
from core.models import BackgroundJob, Schedule, ScheduleTick
from core.operation import Form, Operation, Task
from core.operations import known
from core.schedules.timing import check_time, next_after, why_unusable
from core.wording import cited, plain_message

#: Missed ticks are counted up to here; a higher number is just "many".
MOST_MISSED = 1_000


class NewSchedule(Form):
    """A new schedule: its kind, target and time; exactly one of cron and at."""

    name: str = Field(min_length=1, max_length=100)
    kind: str = Field(max_length=200)
    args: dict[str, object] = Field(default_factory=dict)
    target_id: UUID | None = None
    cron: str | None = Field(default=None, max_length=100)
    at: ZonedTime | None = None
    timezone: str = Field(default="UTC", max_length=60)
    missed: str = Field(default="skip", pattern="^(skip|once)$")


@dataclass(frozen=True, slots=True)
class Fired:
    """The result of handling one due schedule."""

    schedule_id: UUID
    outcome: str
    job_id: UUID | None = None


def add(session: Session, form: NewSchedule, actor: Actor, reason: str | None) -> Schedule:
    """Add a schedule. Raises NotFound (kind), Invalid (cron, zone, form, both or neither of cron and at)."""
    check(form)
    if session.exec(select(Schedule).where(Schedule.name == form.name)).first():
        raise NotAllowed(f"A schedule {form.name!r} exists already; choose another name.")
    args = arguments_of(known(form.kind), form.args).model_dump(mode="json", exclude_unset=True)
    schedule = Schedule(**form.model_dump(exclude={"args"}), args=args, created_by=actor.name)
    schedule.next_due_at = form.at or next_after(schedule, clock.now())
    session.add(schedule)
    session.flush()
    record(session, actor, "schedule.added", reason=reason, name=form.name, was=None, now=settings_of(schedule))
    return schedule


def pause(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> None:
    """Pause a schedule: its ticks do nothing until it is resumed."""
    schedule = get(session, schedule_id)
    if schedule.paused_at is not None:
        raise NotAllowed(f"{schedule.name} is already paused, by {schedule.paused_by}.")
    schedule.sqlmodel_update({"paused_at": clock.db_now(), "paused_by": actor.name, "paused_reason": reason})
    _note_state(session, schedule, actor, "schedule.paused", reason, was="active", now="paused")


def resume(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> None:
    """Resume a schedule, from its next tick on."""
    schedule = get(session, schedule_id)
    if schedule.paused_at is None:
        raise NotAllowed(f"{schedule.name} is not paused.")
    if problem := problem_of(schedule):
        raise NotAllowed(f"{schedule.name} cannot be resumed. {problem} Edit it first, or add a new one.")
    why = schedule.paused_reason
    schedule.sqlmodel_update({"paused_at": None, "paused_by": None, "paused_reason": None})
    if schedule.cron:
        schedule.next_due_at = next_after(schedule, clock.now())
    _note_state(session, schedule, actor, "schedule.resumed", reason, was="paused", now="active", was_because=why)


def run_now(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> BackgroundJob | Accepted:
    """Request a schedule's job now, in addition to its ticks."""
    return _request_job(session, get(session, schedule_id), actor, reason)


def remove(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> None:
    """Delete a schedule and its ticks; the jobs it requested stay."""
    schedule = get(session, schedule_id)
    record(session, actor, "schedule.removed", reason=reason, name=schedule.name, was=settings_of(schedule), now=None)
    session.delete(schedule)


def _note_state(
    session: Session, schedule: Schedule, actor: Actor, event: str, reason: str | None, **change: Any
) -> None:
    own = str(schedule.id)  # names could be given twice in former releases
    record(session, actor, event, reason=reason, name=schedule.name, schedule=own, **change)


def settings_of(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule's settings but its name, for the audit log."""
    written = schedule.model_dump(mode="json", include=set(NewSchedule.model_fields) - {"name"})
    return {name: value for name, value in written.items() if value not in (None, {})}


def get(session: Session, schedule_id: UUID) -> Schedule:
    """Return one schedule, locked. Raises NotFound."""
    schedule = session.get(Schedule, schedule_id, with_for_update=True)
    if schedule is None:
        raise NotFound(f"There is no schedule with id {schedule_id}.")
    return schedule


def problem_of(schedule: Schedule) -> str | None:
    """Return why a stored schedule cannot fire as it is: its time, its kind or its arguments; None if it can."""
    if problem := why_unusable(schedule):
        return problem
    try:
        if TRUNCATED_JSON not in (schedule.args or {}):
            arguments_of(known(schedule.kind), schedule.args)
    except Refused as refusal:
        return str(refusal)
    return None


def by_name(session: Session, name: str) -> Schedule:
    """Return the schedule with this name. Raises NotFound."""
    schedule = session.exec(select(Schedule).where(Schedule.name == name)).first()
    if schedule is None:
        raise NotFound(f"There is no schedule {cited(name)}.")
    return schedule


def tick(session: Session) -> Fired | None:
    """Fire the most overdue schedule that no other scheduler has locked; None if nothing is due. Does not commit."""
    now = session.scalar(select(clock.db_now()))
    schedule = session.exec(
        select(Schedule)
        .where(col(Schedule.next_due_at) <= now, col(Schedule.paused_at).is_(None))
        .order_by(col(Schedule.next_due_at))
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if schedule is None or schedule.next_due_at is None:
        return None
    due_at = schedule.next_due_at
    try:
        with session.begin_nested():
            return _fire(session, schedule, due_at, now)
    except Exception as error:
        # A row that another program or release wrote must not keep others from firing; an outage concerns all.
        if isinstance(error, DBAPIError | PoolTimeout) and not isinstance(error, DataError | IntegrityError):
            raise
        session.refresh(schedule)
        if _has_fired(session, schedule, due_at):  # its next tick was set back by hand
            schedule.next_due_at = next_after(schedule, now)
            return Fired(schedule.id, "repeated", None)
        return _pause_unusable(session, schedule, due_at, error)


def _fire(session: Session, schedule: Schedule, due_at: datetime, now: datetime) -> Fired:
    following = next_after(schedule, now)
    missed = _missed(schedule, due_at, now)
    schedule.next_due_at = following
    if missed and schedule.missed == "skip":
        return _record_tick(session, schedule, due_at, "missed", f"{missed + 1} ticks passed while no scheduler ran")
    try:
        with session.begin_nested():
            job = _request_job(session, schedule, ENGINE, None)
    except Refused as refusal:
        return _record_tick(session, schedule, due_at, "refused", str(refusal))
    return _record_tick(
        session, schedule, due_at, "fired", f"{missed} earlier ticks were missed" if missed else None, job
    )


def _has_fired(session: Session, schedule: Schedule, due_at: datetime) -> bool:
    return session.get(ScheduleTick, (schedule.id, due_at)) is not None


def _pause_unusable(session: Session, schedule: Schedule, due_at: datetime, error: Exception) -> Fired:
    """Pause a schedule that cannot fire, with the reason, so that a person sees it and the others go on."""
    reason = why_unusable(schedule) or f"It cannot fire: {type(error).__name__}."
    schedule.sqlmodel_update({"paused_at": clock.db_now(), "paused_by": ENGINE.name, "paused_reason": reason})
    record(session, ENGINE, "schedule.paused", reason=reason, name=schedule.name, was="active", now="paused")
    return _record_tick(session, schedule, due_at, "refused", reason)


def _missed(schedule: Schedule, due_at: datetime, now: datetime) -> int:
    """Return the number of ticks after the due one, up to now."""
    count, moment = 0, next_after(schedule, due_at)
    while moment is not None and moment <= now and count < MOST_MISSED:
        count, moment = count + 1, next_after(schedule, moment)
    return count


def _request_job(session: Session, schedule: Schedule, actor: Actor, reason: str | None) -> BackgroundJob | Accepted:
    kind = known(schedule.kind)
    form = arguments_of(kind, schedule.args)
    options = JobOptions(reason=reason or f"schedule {schedule.name}", schedule_id=schedule.id)
    if isinstance(kind, Operation):
        if schedule.target_id is None:
            raise NotAllowed(f"{schedule.kind} needs a target.")
        return request(session, kind, schedule.target_id, form, actor, options)
    return request_task(session, kind, form, actor, options)


def _record_tick(
    session: Session,
    schedule: Schedule,
    due_at: datetime,
    outcome: str,
    detail: str | None,
    job: BackgroundJob | Accepted | None = None,
) -> Fired:
    job_id = job.id if job else None
    session.add(ScheduleTick(schedule_id=schedule.id, due_at=due_at, outcome=outcome, detail=detail, job_id=job_id))
    session.flush()
    return Fired(schedule.id, outcome, job_id)


def check(form: NewSchedule) -> None:
    """Raise NotFound (kind) or Invalid (cron, zone, target, arguments) unless a schedule can have these settings."""
    kind = known(form.kind)
    check_time(form.cron, form.at, form.timezone)
    if isinstance(kind, Operation) and kind.needs_consent:
        raise Invalid(f"{form.kind} needs its owner's consent each time.", {"kind": "Choose another kind."})
    arguments_of(kind, form.args)
    if isinstance(kind, Operation) and form.target_id is None:
        raise Invalid(f"{form.kind} needs a target.", {"target_id": "Give the id of the user or connection."})


def arguments_of(kind: Operation[Any, Any] | Task[Any], args: Mapping[str, Any]) -> BaseModel:
    """Return a schedule's arguments as its kind's form. Raises Invalid, also for arguments of another release."""
    try:
        form: BaseModel = kind.form(**args)
    except ValidationError as error:
        fields = {"args." + ".".join(map(str, e["loc"])): plain_message(e["msg"]) for e in error.errors()}
        raise Invalid(f"The arguments are invalid for {kind.name}.", fields) from None
    return form
