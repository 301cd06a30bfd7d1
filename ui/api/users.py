"""Users: search, read and diagnose; and one typed route for each declared operation."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field, create_model
from sqlmodel import Session

from core.actor import Actor
from core.commands.gateway import REASON_LIMIT
from core.diagnosis.user import diagnose_user
from core.errors import NotFound
from core.models import PlatformConnection, Role, User
from core.operation import Operation
from core.operations import OPERATIONS
from core.people.users import Need, find_users, user_page
from core.redact import shown
from ui.api.deps import Caller, Key, do, read

router = APIRouter(prefix="/api", tags=["users"])

#: Columns that no read returns.
SECRET = {"hashed_password", "access_token", "refresh_token"}
#: Fields of session events that show where a person signs in; only admins see them here.
SIGN_IN_DETAILS = {"ip", "device", "session"}


@router.get("/users")
def list_users(
    caller: Caller, q: Annotated[str, Query(max_length=320)] = "", need: Need | None = None
) -> dict[str, Any]:
    """Find users by the start of e-mail, name or id, ignoring case; `need` filters by stuck, failed or moving."""
    lines = read(caller, Role.VIEWER, lambda session, _: find_users(session, q, need))
    items = [{**asdict(line), "id": str(line.id)} for line in lines]
    return {"items": items, "next": None, "total": {"value": len(items), "exact": len(items) < 50}}


@router.get("/users/{user_id}")
def get_user(user_id: UUID, caller: Caller) -> dict[str, Any]:
    """Return one user with their connections, jobs and diagnosis."""
    page = read(caller, Role.VIEWER, lambda session, _: user_page(session, user_id))
    return {
        **page.user.model_dump(mode="json", exclude=SECRET),
        "diagnosis": asdict(page.diagnosis),
        "demo_interactions": page.demo_interactions,
        "connections": [row.model_dump(mode="json", exclude=SECRET) for row in page.connections],
        "jobs": page.jobs,
    }


@router.get("/users/{user_id}/timeline")
def timeline(user_id: UUID, caller: Caller) -> dict[str, Any]:
    """List a user's events, newest first; only admins see where the user signs in from."""
    return {"items": read(caller, Role.VIEWER, _timeline, user_id), "next": None}


@router.get("/users/{user_id}/diagnosis")
def diagnosis(user_id: UUID, caller: Caller) -> dict[str, Any]:
    """Explain in one sentence why a user is in their state, with the evidence and the one safe remedy."""
    return asdict(read(caller, Role.VIEWER, _diagnosis, user_id))


def _timeline(session: Session, actor: Actor, user_id: UUID) -> list[dict[str, Any]]:
    rows = [shown(event.model_dump(mode="json")) for event in user_page(session, user_id).events]
    if not actor.may(Role.ADMIN):
        for row in rows:
            row["data"] = {name: value for name, value in row["data"].items() if name not in SIGN_IN_DETAILS}
    return rows


def _diagnosis(session: Session, _: Actor, user_id: UUID) -> Any:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    return diagnose_user(session, user)


def _body(operation: Operation[Any, Any]) -> type[BaseModel]:
    """Return the operation's form with the fields that every operation has: start time and reason."""
    name = operation.form.__name__ + "".join(part.title() for part in operation.name.split("."))
    fields: dict[str, Any] = {
        "run_at": (datetime | None, None),
        "reason": (str | None, Field(default=None, max_length=REASON_LIMIT)),
    }
    return create_model(name, __base__=operation.form, **fields)


def _add_route(operation: Operation[Any, Any]) -> None:
    body_type = _body(operation)
    default_body = Body(default_factory=body_type) if not _required(operation) else Body()

    def start(target: UUID, caller: Caller, body: Any = default_body, key: Key = None) -> dict[str, Any]:
        args = body.model_dump(mode="json", exclude={"run_at", "reason"})
        return do(caller, operation.name, target, args, reason=body.reason, run_at=body.run_at, key=key)

    start.__annotations__["body"] = body_type
    start.__doc__ = f"{operation.label}: {' or '.join(sorted(operation.source))} to {operation.target}, as a job."
    noun = "connections" if issubclass(operation.machine.table, PlatformConnection) else "users"
    path = f"/{noun}/{{target}}/operations/{operation.name}"
    router.add_api_route(path, start, methods=["POST"], status_code=202, summary=operation.label, name=operation.name)


def _required(operation: Operation[Any, Any]) -> bool:
    return any(field.is_required() for field in operation.form.model_fields.values())


for _operation in OPERATIONS:
    _add_route(_operation)
