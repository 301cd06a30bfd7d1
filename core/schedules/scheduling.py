"""Schedules: cron and "at", what to do with missed ticks, run now. Each tick fires once, with any number of schedulers.

The row lock lets one scheduler at a time look at a schedule, and the key of its ticks makes a second firing impossible.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadCronError, CroniterBadDateError, croniter
from pydantic import AwareDatetime, Field, ValidationError
from sqlmodel import Session, col, select

from core import clock
from core.actor import ENGINE, Actor
from core.audit.record import record
from core.errors import Invalid, NotAllowed, NotFound, Refused
from core.jobs.request import Accepted, JobOptions, request, request_task
from core.models import BackgroundJob, Schedule, ScheduleTick
from core.operation import Form, Operation
from core.operations import known

#: Missed ticks are counted up to here; beyond, it only matters that they were many.
MOST_MISSED = 1_000
#: A single time lies this near to now: beyond the years 1 to 9999, in UTC, nobody could read its row any more.
FARTHEST = timedelta(days=3_660)


class NewSchedule(Form):
    """A new schedule: what, to whom, and when; exactly one of cron and at."""

    name: str = Field(min_length=1, max_length=100)
    kind: str = Field(max_length=200)
    args: dict[str, object] = Field(default_factory=dict)
    target_id: UUID | None = None
    cron: str | None = Field(default=None, max_length=100)
    at: AwareDatetime | None = None
    timezone: str = Field(default="UTC", max_length=60)
    missed: str = Field(default="skip", pattern="^(skip|once)$")


@dataclass(frozen=True, slots=True)
class Fired:
    """What one look at one schedule did."""

    schedule_id: UUID
    outcome: str
    job_id: UUID | None = None


def add(session: Session, form: NewSchedule, actor: Actor, reason: str | None) -> Schedule:
    """Add a schedule. Raises NotFound (kind), Invalid (cron, zone, form, both or neither of cron and at)."""
    _check(form)
    if session.exec(select(Schedule).where(Schedule.name == form.name)).first():
        raise NotAllowed(f"There is a schedule {form.name!r} already; choose another name.")
    schedule = Schedule(**form.model_dump(exclude={"args"}), args=dict(form.args), created_by=actor.name)
    schedule.next_due_at = form.at or next_after(schedule, clock.now())
    session.add(schedule)
    session.flush()
    record(session, actor, "schedule.added", reason=reason, name=form.name, was=None, now=_told(schedule))
    return schedule


def pause(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> None:
    """Let a schedule's ticks pass unheard until it is resumed."""
    schedule = get(session, schedule_id)
    if schedule.paused_at is not None:
        raise NotAllowed(f"{schedule.name} was paused already, by {schedule.paused_by}.")
    schedule.sqlmodel_update({"paused_at": clock.db_now(), "paused_by": actor.name, "paused_reason": reason})
    record(session, actor, "schedule.paused", reason=reason, name=schedule.name, was="active", now="paused")


def resume(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> None:
    """Hear a schedule's ticks again, from the next one on."""
    schedule = get(session, schedule_id)
    if schedule.paused_at is None:
        raise NotAllowed(f"{schedule.name} is not paused.")
    schedule.sqlmodel_update({"paused_at": None, "paused_by": None, "paused_reason": None})
    if schedule.cron:
        schedule.next_due_at = next_after(schedule, clock.now())
    record(session, actor, "schedule.resumed", reason=reason, name=schedule.name, was="paused", now="active")


def run_now(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> BackgroundJob | Accepted:
    """Ask for a schedule's work now, besides its ticks."""
    return _ask(session, get(session, schedule_id), actor, reason)


def remove(session: Session, schedule_id: UUID, actor: Actor, reason: str | None) -> None:
    """Delete a schedule and the record of its ticks; jobs it asked for stay."""
    schedule = get(session, schedule_id)
    record(session, actor, "schedule.removed", reason=reason, name=schedule.name, was=_told(schedule), now=None)
    session.delete(schedule)


def _told(schedule: Schedule) -> dict[str, Any]:
    """Return what somebody wrote into a schedule, for the audit log."""
    written = schedule.model_dump(mode="json", include=set(NewSchedule.model_fields) - {"name"})
    return {name: value for name, value in written.items() if value not in (None, {})}


def get(session: Session, schedule_id: UUID) -> Schedule:
    """Return one schedule, locked. Raises NotFound."""
    schedule = session.get(Schedule, schedule_id, with_for_update=True)
    if schedule is None:
        raise NotFound(f"There is no schedule with id {schedule_id}.")
    return schedule


def by_name(session: Session, name: str) -> Schedule:
    """Return the schedule with this name. Raises NotFound."""
    schedule = session.exec(select(Schedule).where(Schedule.name == name)).first()
    if schedule is None:
        raise NotFound(f"There is no schedule {name!r}.")
    return schedule


def tick(session: Session) -> Fired | None:
    """Fire the most overdue schedule that no other scheduler is looking at; None: nothing is due. Commits nothing."""
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
    due = schedule.next_due_at
    following = next_after(schedule, now)
    missed = _missed(schedule, due, now)
    schedule.next_due_at = following
    if missed and schedule.missed == "skip":
        return _note(session, schedule, due, "missed", f"{missed + 1} ticks passed while nobody looked")
    try:
        with session.begin_nested():
            job = _ask(session, schedule, ENGINE, None)
    except Refused as refusal:
        return _note(session, schedule, due, "refused", str(refusal))
    return _note(session, schedule, due, "fired", f"{missed} earlier ticks were missed" if missed else None, job)


def next_after(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the first tick of a cron schedule after a moment, in UTC; None for "at", which has only one."""
    if schedule.cron is None:
        return None
    local = moment.astimezone(ZoneInfo(schedule.timezone))
    following: datetime = croniter(schedule.cron, local).get_next(datetime)
    return following.astimezone(clock.UTC)


def next_ticks(schedule: Schedule, count: int) -> list[datetime]:
    """Return the next `count` ticks, for a person to check what they wrote."""
    ticks: list[datetime] = []
    moment = schedule.next_due_at
    while moment is not None and len(ticks) < count:
        ticks.append(moment)
        moment = next_after(schedule, moment)
    return ticks


def upcoming(cron: str | None, at: datetime | None, timezone: str, count: int) -> list[datetime]:
    """Return the runs that a schedule with this time would have, before anybody adds it. Raises Invalid."""
    check_time(cron, at, timezone)
    draft = Schedule(name="", kind="", cron=cron, at=at, timezone=timezone)
    draft.next_due_at = at or next_after(draft, clock.now())
    return next_ticks(draft, count)


def _missed(schedule: Schedule, due: datetime, now: datetime) -> int:
    """Return how many further ticks lie between the one that is due and now."""
    count, moment = 0, next_after(schedule, due)
    while moment is not None and moment <= now and count < MOST_MISSED:
        count, moment = count + 1, next_after(schedule, moment)
    return count


def _ask(session: Session, schedule: Schedule, actor: Actor, reason: str | None) -> BackgroundJob | Accepted:
    kind = known(schedule.kind)
    form = kind.form(**schedule.args)
    asked = JobOptions(reason=reason or f"schedule {schedule.name}", schedule_id=schedule.id)
    if isinstance(kind, Operation):
        if schedule.target_id is None:
            raise NotAllowed(f"{schedule.kind} needs to know whom it is done to.")
        return request(session, kind, schedule.target_id, form, actor, asked)
    return request_task(session, kind, form, actor, asked)


def _note(
    session: Session,
    schedule: Schedule,
    due: datetime,
    outcome: str,
    detail: str | None,
    job: BackgroundJob | Accepted | None = None,
) -> Fired:
    job_id = job.id if job else None
    session.add(ScheduleTick(schedule_id=schedule.id, due_at=due, outcome=outcome, detail=detail, job_id=job_id))
    session.flush()
    return Fired(schedule.id, outcome, job_id)


def _check(form: NewSchedule) -> None:
    kind = known(form.kind)
    check_time(form.cron, form.at, form.timezone)
    try:
        kind.form(**form.args)
    except ValidationError as error:
        fields = {"args." + ".".join(map(str, e["loc"])): e["msg"] for e in error.errors()}
        raise Invalid(f"The arguments do not fit {form.kind}.", fields) from None
    if isinstance(kind, Operation) and form.target_id is None:
        raise Invalid(f"{form.kind} is done to somebody.", {"target_id": "Give the id of the user or connection."})


def check_time(cron: str | None, at: datetime | None, timezone: str) -> None:
    """Raise Invalid, naming the field, unless this is a time at which a schedule can be due."""
    if (cron is None) == (at is None):
        raise Invalid("A schedule has either a cron expression or a time.", {"cron": "Give cron or at, not both."})
    if timezone not in available_timezones():
        raise Invalid("The time zone is unknown.", {"timezone": f"{timezone!r} is none; write Europe/Berlin."})
    if cron is not None:
        _check_cron(cron)
    elif at is not None and not clock.now() - FARTHEST <= at <= clock.now() + FARTHEST:
        raise Invalid("The time does not fit.", {"at": "Choose a time within ten years of now."})


def _check_cron(cron: str) -> None:
    try:
        croniter(cron, clock.now()).get_next(datetime)
    except (CroniterBadCronError, CroniterBadDateError, ValueError, KeyError) as error:
        says = f"{cron!r} is no cron expression that ever comes due: {error}. Write five fields, as in 0 3 * * *."
        raise Invalid("The cron expression does not fit.", {"cron": says}) from None
