"""Editing a schedule: another time, other arguments; its name, kind and target stay, as does its history."""

from typing import Any
from uuid import UUID

from pydantic import Field
from sqlmodel import Session

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.clock import ZonedTime
from core.errors import NotAllowed
from core.models import Schedule
from core.operation import Form
from core.operations import known
from core.schedules.scheduling import NewSchedule, arguments_of, check, get, settings_of
from core.schedules.timing import next_after


class ScheduleEdit(Form):
    """What changes; a field that is left out stays. A cron expression takes the place of a time, and the reverse."""

    cron: str | None = Field(default=None, max_length=100)
    at: ZonedTime | None = None
    timezone: str | None = Field(default=None, max_length=60)
    #: All of them: those that are left out have the values that the kind's form gives them.
    args: dict[str, object] | None = None
    missed: str | None = Field(default=None, pattern="^(skip|once)$")


def edit(session: Session, schedule_id: UUID, form: ScheduleEdit, actor: Actor, reason: str | None) -> Schedule:
    """Change a schedule; with another time, its next tick is the first one from now on.

    Raises NotFound, NotAllowed (nothing would change), Invalid (as a new schedule with these settings would be).
    """
    schedule = get(session, schedule_id)
    was, time = settings_of(schedule), _time_of(schedule)
    changed = _changed(schedule, form)
    check(NewSchedule.model_construct(**{**_fields_of(schedule), **changed}))
    if "args" in changed:
        fitting = arguments_of(known(schedule.kind), changed["args"])
        changed["args"] = fitting.model_dump(mode="json", exclude_unset=True)
    schedule.sqlmodel_update(changed)
    if _time_of(schedule) != time:  # else a tick that is due just now would be lost
        schedule.next_due_at = schedule.at or next_after(schedule, clock.now())
    now = settings_of(schedule)
    fields = [name for name in NewSchedule.model_fields if was.get(name) != now.get(name)]
    if not fields:
        raise NotAllowed(f"{schedule.name} has these settings already.")
    before, after = ({name: settings.get(name) for name in fields} for settings in (was, now))
    record(session, actor, "schedule.edited", reason=reason, name=schedule.name, was=before, now=after)
    session.flush()
    return schedule


def _changed(schedule: Schedule, form: ScheduleEdit) -> dict[str, Any]:
    given = form.model_dump(exclude_none=True)
    if schedule.at is None and "at" in given:
        given.setdefault("cron", None)
    if schedule.cron is None and "cron" in given:
        given.setdefault("at", None)
    return given


def _fields_of(schedule: Schedule) -> dict[str, Any]:
    return {name: getattr(schedule, name) for name in NewSchedule.model_fields}


def _time_of(schedule: Schedule) -> tuple[object, ...]:
    return schedule.cron, schedule.at, schedule.timezone
