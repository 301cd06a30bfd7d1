"""Queues, kinds and schedules: list, pause, resume, limit, run now."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path

from core.database.window import MOST, USUAL
from core.models import Role
from core.queues import controls
from core.redact import shown
from core.schedules import scheduling
from core.schedules.listing import ScheduleLine, schedule_lines
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import NEEDS_BODY, OptionalReason, RequiredReason
from ui.api.lists import After, Limit, listed

router = APIRouter(prefix="/api", tags=["queues and schedules"])

#: The name of a queue or a kind in an address.
Name = Annotated[str, Path(max_length=controls.LONGEST_NAME)]

#: Past runs shown per schedule.
TICKS = 20


@router.get("/queues")
def list_queues(caller: Caller, limit: Limit = MOST, after: After = 0) -> dict[str, Any]:
    """List queues with state, depth, oldest due job, workers and, if paused, the person and the reason."""
    lines = read(caller, Role.VIEWER, lambda session, _: controls.queue_lines(session, after, limit))
    return listed(lines, [{**asdict(line), "state": line.state} for line in lines])


@router.post("/queues/{name}/pause", openapi_extra=NEEDS_BODY)
def pause_queue(name: Name, caller: Caller, key: Key = None, body: RequiredReason = RequiredReason()) -> dict[str, Any]:  # noqa: B008
    """Pause a queue: it starts no new jobs; running jobs finish."""
    return do(caller, "queue.pause", None, {"name": name}, reason=body.reason, key=key)


@router.post("/queues/{name}/resume")
def resume_queue(
    name: Name,
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> dict[str, Any]:
    """Resume a queue: its jobs start again."""
    return do(caller, "queue.resume", None, {"name": name}, reason=body.reason, key=key)


@router.get("/kinds")
def list_kinds(caller: Caller, limit: Limit = MOST, after: After = 0) -> dict[str, Any]:
    """List kinds of jobs with their pauses and limits."""
    rows = read(caller, Role.VIEWER, lambda session, _: controls.kind_lines(session, after, limit))
    return listed(rows, [row.model_dump(mode="json") for row in rows])


@router.post("/kinds/{name}/pause", openapi_extra=NEEDS_BODY)
def pause_kind(name: Name, caller: Caller, key: Key = None, body: RequiredReason = RequiredReason()) -> dict[str, Any]:  # noqa: B008
    """Pause a kind: its jobs no longer start; running jobs finish."""
    return do(caller, "kind.pause", None, {"name": name}, reason=body.reason, key=key)


@router.post("/kinds/{name}/resume")
def resume_kind(name: Name, caller: Caller, key: Key = None, body: OptionalReason = OptionalReason()) -> dict[str, Any]:  # noqa: B008
    """Resume a kind: its jobs start again."""
    return do(caller, "kind.resume", None, {"name": name}, reason=body.reason, key=key)


class LimitsWithReason(controls.Limits, OptionalReason):
    """A kind's limits, with an optional reason."""


@router.post("/kinds/limits")
def limit_kind(body: LimitsWithReason, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Limit how many jobs of a kind run at once and how fast they start."""
    return do(caller, "kind.limit", None, body.model_dump(exclude={"reason"}), reason=body.reason, key=key)


@router.get("/schedules")
def list_schedules(caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List schedules by name, with their next and last runs; `problem` says why one cannot fire."""
    lines = read(caller, Role.VIEWER, lambda session, _: schedule_lines(session, after, limit, TICKS))
    return listed(lines, [_schedule(line) for line in lines])


@router.post("/schedules", status_code=201)
def add_schedule(body: scheduling.NewSchedule, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Add a schedule, with a cron expression or a single time."""
    return do(caller, "schedule.add", None, body.model_dump(mode="json"), key=key)


@router.post("/schedules/{schedule_id}/{verb}")
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
