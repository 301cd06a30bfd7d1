"""Probes for load balancers, and the pulse. Plain routes: a probe must not make a page."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from core.database.engine import session_scope
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.invariants import violations
from core.health import health_summary
from core.models import Role, Worker
from ui import access, live
from ui.api.deps import Who, read

router = APIRouter(tags=["operation"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process answers, whatever the database does: not in a thread, they may all be waiting for it."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
def readyz() -> JSONResponse:
    """Tell whether people can be served: the database answers and is at head. A broker that is down is a warning."""
    try:
        with session_scope(access.engine()) as session:
            revision = session.connection().execute(text("SELECT version_num FROM alembic_version")).scalar()
            broken = [found.invariant.name for found in violations(session, cheap_only=True)]
    except SQLAlchemyError:
        return JSONResponse({"ready": False, "database": "does not answer, or is not migrated"}, status_code=503)
    broker = "up" if live.hub.bus_is_up() else "down: nothing is lost, screens poll and sweepers ring"
    return JSONResponse({"ready": True, "database": "up", "schema": revision, "broker": broker, "broken": broken})


@router.get("/api/stats")
def stats(who: Who) -> dict[str, Any]:
    """Return the counts of the status bar."""
    found = asdict(read(who, Role.VIEWER, lambda session, _: health_summary(session)))
    return {**found, "at": found["at"].isoformat()}


@router.get("/api/workers")
def workers(who: Who) -> dict[str, Any]:
    """Return workers, those that live first, newest first; at most 200."""
    lines = truncated(Worker, IN_LIST)
    newest = select(lines).order_by(col(lines.heartbeat_at).desc()).limit(200)
    rows = read(who, Role.VIEWER, lambda session, _: list(session.exec(newest)))
    return {"items": [row.model_dump(mode="json") for row in rows], "next": None}
