"""Worker processes: list them, and let one be quiet, start jobs again, or stop."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, select

from core import clock
from core.actor import Actor
from core.database.window import USUAL
from core.models import Role
from core.queues.workers import newest_workers, worker_state
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import NEEDS_BODY, OptionalReason, RequiredReason
from ui.api.lists import After, Limit, listed

router = APIRouter(prefix="/api/workers", tags=["workers"])


class WorkerOrdered(BaseModel):
    """A worker by its id and its host and process, and the queues from which it starts jobs from now on."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    worker: str
    queues: list[str]


@router.get("")
def list_workers(caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List workers, the latest heartbeat first, with their states, queues and orders."""
    return read(caller, Role.VIEWER, _workers, limit, after)


@router.post("/{worker_id}/quiet", openapi_extra=NEEDS_BODY)
def quiet_worker(
    worker_id: UUID,
    caller: Caller,
    key: Key = None,
    body: RequiredReason = RequiredReason(),  # noqa: B008
) -> WorkerOrdered:
    """Let a worker finish its running jobs and start no more."""
    return WorkerOrdered(**do(caller, "worker.quiet", worker_id, reason=body.reason, key=key))


@router.post("/{worker_id}/resume")
def resume_worker(
    worker_id: UUID,
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> WorkerOrdered:
    """Let a quiet worker start jobs again."""
    return WorkerOrdered(**do(caller, "worker.resume", worker_id, reason=body.reason, key=key))


@router.post("/{worker_id}/stop", openapi_extra=NEEDS_BODY)
def stop_worker(
    worker_id: UUID,
    caller: Caller,
    key: Key = None,
    body: RequiredReason = RequiredReason(),  # noqa: B008
) -> WorkerOrdered:
    """Ask a worker to stop; what has started it may start another one."""
    return WorkerOrdered(**do(caller, "worker.stop", worker_id, reason=body.reason, key=key))


def _workers(session: Session, _: Actor, limit: int, after: int) -> dict[str, Any]:
    now = session.exec(select(clock.db_now())).one()
    rows = newest_workers(session, limit, after)
    return listed(rows, [{"state": worker_state(row, now).value, **row.model_dump(mode="json")} for row in rows])
