"""Users as JSON: search, read, diagnose; and one typed route for each declared operation."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import Session

from core.actor import Actor
from core.diagnosis.user import diagnose_user
from core.errors import NotFound
from core.models import PlatformConnection, Role, User
from core.operations import OPERATIONS
from core.people.users import Need, find_users, user_page
from core.redact import shown
from ui.api.deps import Who, read
from ui.api.operation_routes import add_route

router = APIRouter(prefix="/api", tags=["users"])

#: Columns that never leave the database through a read.
SECRET = {"hashed_password", "access_token", "refresh_token"}
#: What an event of a session tells of its person, as the list of sessions does, which is for admins and oneself.
WHEREABOUTS = {"ip", "device", "session"}


@router.get("/users")
def list_users(who: Who, q: Annotated[str, Query(max_length=320)] = "", need: Need | None = None) -> dict[str, Any]:
    """Find users by the beginning of e-mail, name or id, in any case; `need` narrows to stuck, failed or moving."""
    found = read(who, Role.VIEWER, lambda session, _: find_users(session, q, need))
    items = [{**asdict(line), "id": str(line.id)} for line in found]
    return {"items": items, "next": None, "total": {"value": len(items), "exact": len(items) < 50}}


@router.get("/users/{user_id}")
def get_user(user_id: UUID, who: Who) -> dict[str, Any]:
    """Return one user with their connections, jobs and diagnosis."""
    page = read(who, Role.VIEWER, lambda session, _: user_page(session, user_id))
    return {
        **page.user.model_dump(mode="json", exclude=SECRET),
        "diagnosis": asdict(page.diagnosis),
        "demo_interactions": page.demo_interactions,
        "connections": [row.model_dump(mode="json", exclude=SECRET) for row in page.connections],
        "jobs": page.jobs,
    }


@router.get("/users/{user_id}/timeline")
def timeline(user_id: UUID, who: Who) -> dict[str, Any]:
    """Return what happened to a user, newest first; where they sign in from is for admins."""
    return {"items": read(who, Role.VIEWER, _timeline, user_id), "next": None}


@router.get("/users/{user_id}/diagnosis")
def diagnosis(user_id: UUID, who: Who) -> dict[str, Any]:
    """Tell in one sentence why a user is where they are, with the evidence and the one safe remedy."""
    return asdict(read(who, Role.VIEWER, _diagnosis, user_id))


def _timeline(session: Session, actor: Actor, user_id: UUID) -> list[dict[str, Any]]:
    rows = [shown(event.model_dump(mode="json")) for event in user_page(session, user_id).events]
    if not actor.may(Role.ADMIN):
        for row in rows:
            row["data"] = {name: value for name, value in row["data"].items() if name not in WHEREABOUTS}
    return rows


def _diagnosis(session: Session, _: Actor, user_id: UUID) -> Any:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    return diagnose_user(session, user)


for _operation in OPERATIONS:
    _noun = "connections" if issubclass(_operation.machine.table, PlatformConnection) else "users"
    add_route(router, _operation, f"/{_noun}/{{target}}/operations/{_operation.name}")
