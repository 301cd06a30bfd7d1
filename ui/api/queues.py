"""Queues and kinds: list, pause, resume, limit."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path

from core.database.window import MOST
from core.models import Role
from core.queues import controls
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import NEEDS_BODY, OptionalReason, RequiredReason
from ui.api.lists import After, Limit, listed

router = APIRouter(prefix="/api", tags=["queues and schedules"])

#: The name of a queue or a kind in an address.
Name = Annotated[str, Path(max_length=controls.LONGEST_NAME)]


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
