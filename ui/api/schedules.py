"""Schedules: list, add, edit, backfill, pause, resume, run now, remove."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from core.clock import ZonedTime
from core.database.window import USUAL
from core.models import Role
from core.redact import shown
from core.schedules import backfill, editing, scheduling
from core.schedules.listing import ScheduleLine, schedule_lines
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import OptionalReason, RequiredReason
from ui.api.lists import After, Limit, listed

router = APIRouter(prefix="/api/schedules", tags=["queues and schedules"])

#: Past runs shown per schedule.
TICKS: Final = 20


@router.get("")
def list_schedules(caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List schedules by name, with their next and last runs; `problem` says why one cannot fire."""
    lines = read(caller, Role.VIEWER, lambda session, _: schedule_lines(session, after, limit, TICKS))
    return listed(lines, [_schedule(line) for line in lines])


@router.post("", status_code=201)
def add_schedule(body: scheduling.NewSchedule, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Add a schedule, with a cron expression or a single time."""
    return do(caller, "schedule.add", None, body.model_dump(mode="json"), key=key)


class EditWithReason(editing.ScheduleEdit, OptionalReason):
    """What changes of a schedule, and an optional reason."""


@router.post("/{schedule_id}/edit")
def edit_schedule(schedule_id: UUID, body: EditWithReason, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Change a schedule's time, arguments or treatment of missed runs; what is left out stays."""
    args = body.model_dump(mode="json", exclude={"reason"}, exclude_none=True)
    return do(caller, "schedule.edit", schedule_id, args, reason=body.reason, key=key)


class BackfillPreview(BaseModel):
    """What a backfill would request now, and the runs of this time that have run already."""

    model_config = ConfigDict(extra="forbid")

    count: int
    already: int
    first: datetime | None = None
    last: datetime | None = None


@router.get("/{schedule_id}/backfill")
def preview_backfill(schedule_id: UUID, since: ZonedTime, until: ZonedTime, caller: Caller) -> BackfillPreview:
    """Count the past runs that have not run: the jobs that a backfill of this time would request now."""
    form = backfill.BackfillForm(since=since, until=until)
    plan = read(caller, Role.VIEWER, lambda session, _: backfill.preview(session, schedule_id, form))
    return BackfillPreview(**plan.as_answer())


class BackfillWithReason(backfill.BackfillForm, RequiredReason):
    """The time whose runs are to be made up for, and the reason."""

    model_config = ConfigDict(json_schema_extra={"required": ["since", "until", "reason"]})


@router.post("/{schedule_id}/backfill", status_code=202)
def backfill_schedule(schedule_id: UUID, body: BackfillWithReason, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Request the jobs of past runs that have not run, the oldest first; it can be repeated safely."""
    args = body.model_dump(mode="json", exclude={"reason"})
    return do(caller, "schedule.backfill", schedule_id, args, reason=body.reason, key=key)


@router.post("/{schedule_id}/{verb}")
def control_schedule(
    schedule_id: UUID,
    verb: str,
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> dict[str, Any]:
    """Pause, resume, run or remove a schedule."""
    return do(caller, f"schedule.{verb}", schedule_id, reason=body.reason, key=key)


def _schedule(line: ScheduleLine) -> dict[str, Any]:
    return {
        **shown(line.schedule.model_dump(mode="json")),
        "state": line.state,
        "problem": line.problem,
        "next": [tick.isoformat() for tick in line.next],
        "ticks": [tick.model_dump(mode="json") for tick in line.ticks],
    }
