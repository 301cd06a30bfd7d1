"""Probes for load balancers, and the health summary. Plain routes, because a probe must not open a page."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from core import schema
from core.database.engine import session_scope
from core.database.failover import DatabaseReadOnly, check_writable
from core.database.window import MOST
from core.diagnosis.invariants import violations
from core.health import health_summary
from core.lateness import late_schedules, stalled_threads
from core.models import Role
from core.queues.workers import newest_workers
from ui import access, live
from ui.api.deps import Caller, read
from ui.api.lists import After, Limit, listed
from ui.public_limits import SharedAnswer

router = APIRouter(tags=["operation"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that the process responds; runs on the event loop, because all threads may wait for the database."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def readyz() -> JSONResponse:
    """Report whether the database responds, fits this program and accepts writes. Without a broker it is ready."""
    status, body = await _readiness.now()
    return JSONResponse(body, status_code=status)


def _read_readiness() -> tuple[int, dict[str, Any]]:
    try:
        with session_scope(access.engine()) as session:
            if reason := schema.misfit(session.connection()):
                return 503, {"ready": False, "database": reason}
            at = schema.revision_of(session.connection())
            broken = [violation.invariant.name for violation in violations(session, cheap_only=True)]
            late = [str(each) for each in (*stalled_threads(session), *late_schedules(session))]
            check_writable(session)
    except DatabaseReadOnly as error:
        return 503, {"ready": False, "database": error.sentence}
    except SQLAlchemyError:
        return 503, {"ready": False, "database": "does not respond"}
    broker = "up" if live.hub.bus_is_up() else "down: nothing is lost; pages poll, and sweepers start due jobs"
    parts = {"database": "up", "schema": at, "broker": broker, "broken": broken, "late": late}
    return 200, {"ready": True, **parts}


_readiness = SharedAnswer(_read_readiness)


@router.get("/api/stats")
def stats(caller: Caller) -> dict[str, Any]:
    """Return the figures of the status bar."""
    summary = asdict(read(caller, Role.VIEWER, lambda session, _: health_summary(session)))
    return {**summary, "at": summary["at"].isoformat()}


@router.get("/api/workers")
def workers(caller: Caller, limit: Limit = MOST, after: After = 0) -> dict[str, Any]:
    """List workers, the latest heartbeat first."""
    rows = read(caller, Role.VIEWER, lambda session, _: newest_workers(session, limit, after))
    return listed(rows, [row.model_dump(mode="json") for row in rows])
