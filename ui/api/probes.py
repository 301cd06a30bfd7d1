"""Probes for load balancers, and the health summary. Plain routes, because a probe must not open a page."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from core import schema
from core.database.engine import session_scope
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.invariants import violations
from core.health import health_summary
from core.models import Role, Worker
from ui import access, live
from ui.api.deps import Caller, read

router = APIRouter(tags=["operation"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that the process responds; runs on the event loop, because all threads may wait for the database."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
def readyz() -> JSONResponse:
    """Report whether the database responds and fits this program. A broker that is down is only a warning."""
    try:
        with session_scope(access.engine()) as session:
            if reason := schema.misfit(session.connection()):
                return JSONResponse({"ready": False, "database": reason}, status_code=503)
            revision = schema.revision_of(session.connection())
            broken = [violation.invariant.name for violation in violations(session, cheap_only=True)]
    except SQLAlchemyError:
        return JSONResponse({"ready": False, "database": "does not respond"}, status_code=503)
    broker = "up" if live.hub.bus_is_up() else "down: nothing is lost; pages poll, and sweepers start due jobs"
    return JSONResponse({"ready": True, "database": "up", "schema": revision, "broker": broker, "broken": broken})


@router.get("/api/stats")
def stats(caller: Caller) -> dict[str, Any]:
    """Return the figures of the status bar."""
    summary = asdict(read(caller, Role.VIEWER, lambda session, _: health_summary(session)))
    return {**summary, "at": summary["at"].isoformat()}


@router.get("/api/workers")
def workers(caller: Caller) -> dict[str, Any]:
    """List the 200 workers with the latest heartbeats, newest first."""
    lines = truncated(Worker, IN_LIST)
    newest = select(lines).order_by(col(lines.heartbeat_at).desc()).limit(200)
    rows = read(caller, Role.VIEWER, lambda session, _: list(session.exec(newest)))
    return {"items": [row.model_dump(mode="json") for row in rows], "next": None}
