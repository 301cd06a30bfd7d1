"""Probes for load balancers, and the health summary. Plain routes, because a probe must not open a page."""

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from core import schema
from core.database.engine import session_scope
from core.database.failover import DatabaseReadOnly, check_writable
from core.database.window import MOST
from core.diagnosis.invariants import violations
from core.errors import NotPermitted, NotSignedIn
from core.health import health_summary
from core.lateness import failed_schedules, late_schedules, stalled_threads
from core.models import Role
from core.people.auth import Credentials
from core.queues.workers import newest_workers
from core.slowdown import slowdowns
from core.wording import counted
from ui import access, live
from ui.api.deps import Caller, read
from ui.api.lists import After, Limit, listed
from ui.public_limits import SharedAnswer

router = APIRouter(tags=["operation"])

#: Parts of the answer that name schedules, hosts and programs: pairs of a kind and a sentence.
_DETAILS = ("late", "slow")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that the process responds; runs on the event loop, because all threads may wait for the database."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """Report whether the database responds, fits this program and accepts writes. Without a broker it is ready.

    What is late or slow is named for operators; strangers get numbers.
    """
    status, body = await _readiness.now()
    if details := {name: body[name] for name in _DETAILS if name in body}:
        is_operator = await asyncio.to_thread(_is_operator, request)
        body = {**body, **{name: _named(each) if is_operator else _numbers(each) for name, each in details.items()}}
    return JSONResponse(body, status_code=status)


def _named(details: list[tuple[str, str]]) -> list[str]:
    return [sentence for _, sentence in details]


def _numbers(details: list[tuple[str, str]]) -> list[str]:
    return [counted(number, kind) for kind, number in Counter(kind for kind, _ in details).items()]


def _is_operator(request: Request) -> bool:
    """Tell whether a probe comes with a session or a token of an operator; most come without."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = access.credentials_of(request, "api").token
    caller = Credentials(token, "api", bearer.strip() if scheme.lower() == "bearer" else None)
    if not (caller.token or caller.bearer):
        return False
    try:
        return read(caller, Role.VIEWER, lambda *_: True)
    except (NotSignedIn, NotPermitted, SQLAlchemyError):
        return False


def _read_readiness() -> tuple[int, dict[str, Any]]:
    try:
        with session_scope(access.engine()) as session:
            if reason := schema.misfit(session.connection()):
                return 503, {"ready": False, "database": reason}
            at = schema.revision_of(session.connection())
            broken = [violation.invariant.name for violation in violations(session, cheap_only=True)]
            late = [("stalled thread", str(each)) for each in stalled_threads(session)]
            late += [("late schedule", str(each)) for each in late_schedules(session)]
            late += [("failed schedule", str(each)) for each in failed_schedules(session)]
            slow = [(each.kind, each.sentence) for each in slowdowns(session)]
            check_writable(session)
    except DatabaseReadOnly as error:
        return 503, {"ready": False, "database": error.sentence}
    except SQLAlchemyError:
        return 503, {"ready": False, "database": "does not respond"}
    broker = "up" if live.hub.bus_is_up() else "down: nothing is lost; pages poll, and sweepers start due jobs"
    parts = {"database": "up", "schema": at, "broker": broker, "broken": broken, "late": late, "slow": slow}
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
