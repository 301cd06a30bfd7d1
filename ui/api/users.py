"""Users: search, read and diagnose; and one typed route for each declared operation."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import Session

from core.actor import Actor
from core.database.window import USUAL, Window
from core.diagnosis.situation import Situation
from core.diagnosis.user import diagnose_user
from core.errors import NotFound
from core.jobs.repair import RepairForm
from core.models import PlatformConnection, Role, User
from core.operations import OPERATIONS
from core.people.in_need import NeedGroup
from core.people.user_listing import group_of
from core.people.users import UserQuery, find_users, user_connections, user_events, user_page
from core.redact import shown
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import OptionalReason
from ui.api.lists import After, Limit, listed, total_so_far
from ui.api.operation_routes import add_route
from ui.service_checks import checked, checked_again

router = APIRouter(prefix="/api", tags=["users"])

#: Columns that no read returns.
SECRET = {"hashed_password", "access_token", "refresh_token"}
#: Fields of session events that show where a person signs in; only admins see them here.
SIGN_IN_DETAILS = {"ip", "device", "session"}


@router.get("/users")
def list_users(
    caller: Caller,
    q: Annotated[str, Query(max_length=320)] = "",
    situation: Situation | None = None,
    after: After = 0,
    because: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """Find users by the start of e-mail, name or id, ignoring case; `situation` filters by it.

    `because`: of stuck, failed or held users those with a job in this queue, or with this error, by its fingerprint;
    `group` says of all of them how many there are, why and since when, why doing it again does not help (`again`, whose
    sentence is empty where nothing speaks against it), and who paused what holds them.
    """
    query = UserQuery(q, situation, after, because)
    lines, group = read(caller, Role.VIEWER, lambda session, _: (find_users(session, *query), group_of(session, query)))
    items = [{**asdict(line), "id": str(line.id)} for line in lines]
    return {**listed(lines, items), "total": total_so_far(lines), "group": _shown(group) if group else None}


def _shown(group: NeedGroup) -> dict[str, Any]:
    """Return a group as its page has it."""
    pause = {"paused_at": group.paused_at, "paused_by": group.paused_by, "paused_reason": group.paused_reason}
    again = asdict(checked_again(group.again))
    return {"users": group.number, "cause": group.latest.cause, "since": group.since, "again": again, **pause}


@router.get("/users/{user_id}")
def get_user(user_id: UUID, caller: Caller) -> dict[str, Any]:
    """Return one user with their first connections, newest jobs and diagnosis."""
    page = read(caller, Role.VIEWER, lambda session, _: user_page(session, user_id))
    return {
        **page.user.model_dump(mode="json", exclude=SECRET),
        "diagnosis": asdict(checked(page.diagnosis)),
        "demo_interactions": page.demo_interactions,
        "connections": [row.model_dump(mode="json", exclude=SECRET) for row in page.connections],
        "jobs": page.jobs,
    }


@router.get("/users/{user_id}/connections")
def connections(user_id: UUID, caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List a user's connections, oldest first, without their tokens."""
    window = read(caller, Role.VIEWER, _connections, user_id, limit, after)
    return listed(window, [row.model_dump(mode="json", exclude=SECRET) for row in window])


@router.get("/users/{user_id}/timeline")
def timeline(user_id: UUID, caller: Caller, limit: Limit = 60, after: After = 0) -> dict[str, Any]:
    """List a user's events, newest first; only admins see where the user signs in from."""
    return read(caller, Role.VIEWER, _timeline, user_id, limit, after)


@router.get("/users/{user_id}/diagnosis")
def diagnosis(user_id: UUID, caller: Caller) -> dict[str, Any]:
    """Explain in one sentence why a user is in their state, with the evidence and the one safe remedy."""
    return asdict(checked(read(caller, Role.VIEWER, _diagnosis, user_id)))


def _connections(session: Session, _: Actor, user_id: UUID, limit: int, after: int) -> Window[PlatformConnection]:
    _require(session, user_id)
    return user_connections(session, user_id, limit, after)


def _timeline(session: Session, actor: Actor, user_id: UUID, limit: int, after: int) -> dict[str, Any]:
    _require(session, user_id)
    events = user_events(session, user_id, limit, after)
    rows = [shown(event.model_dump(mode="json")) for event in events]
    if not actor.may(Role.ADMIN):
        for row in rows:
            row["data"] = {name: value for name, value in row["data"].items() if name not in SIGN_IN_DETAILS}
    return listed(events, rows)


def _diagnosis(session: Session, _: Actor, user_id: UUID) -> Any:
    return diagnose_user(session, _require(session, user_id))


def _require(session: Session, user_id: UUID) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    return user


class RepairBody(RepairForm, OptionalReason):
    """What to do after the repair, with an optional reason."""


@router.post("/users/{user_id}/repair")
def repair(user_id: UUID, caller: Caller, body: RepairBody = RepairBody(), key: Key = None) -> dict[str, Any]:  # noqa: B008
    """Set the state that a user's last job proves, and end that job if someone changed it in the database."""
    return do(caller, "user.repair", user_id, body.model_dump(exclude={"reason"}), reason=body.reason, key=key)


for _operation in OPERATIONS:
    if issubclass(_operation.machine.table, User):
        add_route(router, _operation, f"/users/{{target}}/operations/{_operation.name}")
