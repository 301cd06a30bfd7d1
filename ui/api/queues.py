"""Queues, kinds and schedules as JSON: read, pause, resume, limit, run now."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import Session, col, select

from core.database.truncate import IN_LIST, truncated
from core.models import Role, Schedule, ScheduleTick
from core.queues import controls
from core.redact import shown
from core.schedules import scheduling
from ui.api.deps import Key, Who, do, read
from ui.api.jobs import NEEDS_BODY, Because, Why

router = APIRouter(prefix="/api", tags=["queues and schedules"])

#: Ticks of a schedule that are shown, past and next.
TICKS = 20
NEXT = 5


@router.get("/queues")
def list_queues(who: Who) -> dict[str, Any]:
    """Return every queue with its depth, its oldest due job and, when paused, by whom and why."""
    lines = read(who, Role.VIEWER, lambda session, _: controls.queue_lines(session))
    return {"items": [asdict(line) for line in lines], "next": None}


@router.post("/queues/{name}/pause", openapi_extra=NEEDS_BODY)
def pause_queue(name: str, who: Who, key: Key = None, body: Why = Why()) -> dict[str, Any]:  # noqa: B008
    """Start no more jobs of a queue; running ones go on."""
    return do(who, "queue.pause", None, {"name": name}, reason=body.reason, key=key)


@router.post("/queues/{name}/resume")
def resume_queue(name: str, who: Who, key: Key = None, body: Because = Because()) -> dict[str, Any]:  # noqa: B008
    """Start jobs of a queue again."""
    return do(who, "queue.resume", None, {"name": name}, reason=body.reason, key=key)


@router.get("/kinds")
def list_kinds(who: Who) -> dict[str, Any]:
    """Return every kind of job with its pause and limits."""
    rows = read(who, Role.VIEWER, lambda session, _: controls.kind_lines(session))
    return {"items": [row.model_dump(mode="json") for row in rows], "next": None}


@router.post("/kinds/{name}/pause", openapi_extra=NEEDS_BODY)
def pause_kind(name: str, who: Who, key: Key = None, body: Why = Why()) -> dict[str, Any]:  # noqa: B008
    """Start no more jobs of a kind; running ones go on."""
    return do(who, "kind.pause", None, {"name": name}, reason=body.reason, key=key)


@router.post("/kinds/{name}/resume")
def resume_kind(name: str, who: Who, key: Key = None, body: Because = Because()) -> dict[str, Any]:  # noqa: B008
    """Start jobs of a kind again."""
    return do(who, "kind.resume", None, {"name": name}, reason=body.reason, key=key)


class LimitsBecause(controls.Limits, Because):
    """A kind's limits, and why."""


@router.post("/kinds/limits")
def limit_kind(body: LimitsBecause, who: Who, key: Key = None) -> dict[str, Any]:
    """Limit how many jobs of a kind run at once and how fast they start."""
    return do(who, "kind.limit", None, body.model_dump(exclude={"reason"}), reason=body.reason, key=key)


@router.get("/schedules")
def list_schedules(who: Who) -> dict[str, Any]:
    """Return every schedule with its next ticks and what its last ones did."""
    return {"items": read(who, Role.VIEWER, lambda session, _: _schedules(session)), "next": None}


@router.post("/schedules", status_code=201)
def add_schedule(body: scheduling.NewSchedule, who: Who, key: Key = None) -> dict[str, Any]:
    """Add a schedule, by cron or at one time."""
    return do(who, "schedule.add", None, body.model_dump(mode="json"), key=key)


@router.post("/schedules/{schedule_id}/{verb}")
def steer_schedule(
    schedule_id: UUID,
    verb: str,
    who: Who,
    key: Key = None,
    body: Because = Because(),  # noqa: B008
) -> dict[str, Any]:
    """Pause, resume, run or remove a schedule."""
    return do(who, f"schedule.{verb}", schedule_id, reason=body.reason, key=key)


def _schedules(session: Session) -> list[dict[str, Any]]:
    lines = truncated(Schedule, IN_LIST)
    found = session.exec(select(lines).order_by(col(lines.name)).limit(500))
    return [_schedule(session, schedule) for schedule in found]


def _schedule(session: Session, schedule: Schedule) -> dict[str, Any]:
    ticks = truncated(ScheduleTick, IN_LIST)
    mine = select(ticks).where(col(ticks.schedule_id) == schedule.id)
    last = session.exec(mine.order_by(col(ticks.due_at).desc()).limit(TICKS))
    return {
        **shown(schedule.model_dump(mode="json")),
        "next": [tick.isoformat() for tick in scheduling.next_ticks(schedule, NEXT)],
        "ticks": [tick.model_dump(mode="json") for tick in last],
    }
