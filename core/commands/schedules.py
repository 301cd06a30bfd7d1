"""Commands on schedules: add, edit, pause, resume, run now, backfill, remove."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel import Session

from core.actor import Actor
from core.commands.command import Command, Invocation, job_answer, target_of
from core.jobs.request import Accepted
from core.models import BackgroundJob, Role, Schedule
from core.operation import NoForm
from core.schedules import backfill, editing, scheduling, timing


def _add(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, scheduling.NewSchedule)
    return _next(scheduling.add(session, call.form, call.actor, call.reason))


def _edit(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, editing.ScheduleEdit)
    return _next(editing.edit(session, target_of(call), call.form, call.actor, call.reason))


def _next(schedule: Schedule) -> dict[str, Any]:
    return {"id": str(schedule.id), "next": [tick.isoformat() for tick in timing.next_ticks(schedule, 3)]}


def _backfill(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, backfill.BackfillForm)
    done = backfill.backfill(session, target_of(call), call.form, call.actor, call.reason)
    return {"id": str(call.target), "requested": len(done.due), "already": done.already}


def _change(
    act: Callable[[Session, UUID, Actor, str | None], Any], session: Session, call: Invocation
) -> dict[str, Any]:
    done = act(session, target_of(call), call.actor, call.reason)
    return job_answer(done) if isinstance(done, BackgroundJob | Accepted) else {"id": str(call.target)}


SCHEDULES = (
    Command(name="schedule.add", label="Add schedule", role=Role.ADMIN, form=scheduling.NewSchedule, act=_add),
    Command(name="schedule.edit", label="Edit schedule", role=Role.ADMIN, form=editing.ScheduleEdit, act=_edit),
    Command(
        name="schedule.backfill",
        label="Backfill schedule",
        role=Role.ADMIN,
        form=backfill.BackfillForm,
        act=_backfill,
        needs_reason=True,
    ),
    *(
        Command(name=name, label=label, role=Role.ADMIN, form=NoForm, act=partial(_change, act), needs_reason=stops)
        for name, label, act, stops in (
            ("schedule.pause", "Pause schedule", scheduling.pause, True),
            ("schedule.resume", "Resume schedule", scheduling.resume, False),
            ("schedule.run", "Run now", scheduling.run_now, False),
            ("schedule.remove", "Remove schedule", scheduling.remove, True),
        )
    ),
)
