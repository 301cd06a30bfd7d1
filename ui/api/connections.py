"""Connections: list and read them, go to a platform for consent, and one typed route for each operation."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from core.actor import Actor
from core.commands.connections import BeginForm
from core.database.place import PLACE
from core.database.window import USUAL
from core.diagnosis.situation import Situation
from core.errors import NotFound
from core.models import ConnectionStatus, PlatformConnection, Role
from core.operations import OPERATIONS
from core.people.connection_list import ConnectionFilter, connection_line, connection_page
from core.people.connections import state_of
from ui.api.deps import Caller, Key, do, read
from ui.api.lists import Limit
from ui.api.operation_routes import add_refusal_route, add_route
from ui.api.users import RepairBody

router = APIRouter(prefix="/api/connections", tags=["connections"])


class ConnectionRow(BaseModel):
    """A connection, without its tokens."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    user_email: str
    platform: str
    handle: str | None = Field(description="The account's name at the platform.")
    status: ConnectionStatus
    is_demo: bool = Field(description="Made by demo mode, which also deletes it.")
    access_until: datetime | None = Field(description="When its present access ends.")
    refresh_at: datetime | None = Field(description="When the program renews the access by itself; null: never.")
    withdrawn_at: datetime | None = Field(description="When the platform said that access has ended.")
    scopes: str | None = Field(description="What the owner has granted, separated by spaces.")
    created_at: datetime


class ConnectionDetail(ConnectionRow):
    """A connection with why it is in its state."""

    situation: Situation
    sentence: str = Field(description="For support.")
    customer: str = Field(description="For its creator.")
    owners_page: str | None = Field(description="The page on which its creator does what only they can; null: nothing.")
    job_id: UUID | None = Field(description="Its active job, or the latest that was not cancelled.")


class ConnectionTotal(BaseModel):
    """How many there are; not exact: at least so many."""

    value: int
    exact: bool


class ConnectionList(BaseModel):
    """Connections, newest first."""

    items: list[ConnectionRow]
    next: str | None
    total: ConnectionTotal


class ConsentAddress(BaseModel):
    """Where to send the creator's browser, within ten minutes; it comes back to /connections/callback."""

    authorize_url: str


@router.get("", name="connections_list")
def list_connections(
    caller: Caller,
    status: ConnectionStatus | None = None,
    platform: Annotated[str | None, Query(max_length=32)] = None,
    user: Annotated[str | None, Query(max_length=320, description="An e-mail address or an id.")] = None,
    limit: Limit = USUAL,
    after: Annotated[str | None, Query(pattern=PLACE, description="The `next` of the previous answer.")] = None,
) -> ConnectionList:
    """List connections of all users, newest first, without their tokens."""
    where = ConnectionFilter(status, platform, user)
    page = read(caller, Role.VIEWER, lambda session, _: connection_page(session, where, limit, after))
    rows = [ConnectionRow.model_validate(line) for line in page.items]
    return ConnectionList(items=rows, next=page.next, total=ConnectionTotal(value=page.total, exact=page.exact))


@router.get("/{connection_id}", name="connections_read")
def get_connection(connection_id: UUID, caller: Caller) -> ConnectionDetail:
    """Return one connection, and in a sentence why it is in its state."""
    return read(caller, Role.VIEWER, _detail, connection_id)


@router.post("", name="connections_begin")
def begin(body: BeginForm, caller: Caller, request: Request) -> ConsentAddress:
    """Begin to connect a platform of your own: send your browser to the address; your consent there starts the job.

    It works in the session of a browser alone, not with a personal token: the platform's answer counts in no other.
    """
    args = {**body.model_dump(mode="json"), "base": str(request.base_url)}
    return ConsentAddress(**do(caller, "connection.begin", None, args))


def _detail(session: Session, _: Actor, connection_id: UUID) -> ConnectionDetail:
    line, row = connection_line(session, connection_id), session.get(PlatformConnection, connection_id)
    if row is None:
        raise NotFound(f"There is no connection with id {connection_id}.")
    state = state_of(session, row)
    said = state.diagnosis
    about: dict[str, Any] = {"situation": said.situation, "sentence": said.sentence, "customer": said.customer}
    about["owners_page"] = said.owners_page or None
    plain = ConnectionRow.model_validate(line).model_dump()
    return ConnectionDetail(**plain, **about, job_id=state.job.id if state.job else None)


@router.post("/{connection_id}/repair", name="connections_repair")
def repair(connection_id: UUID, caller: Caller, body: RepairBody = RepairBody(), key: Key = None) -> dict[str, Any]:  # noqa: B008
    """Set the state that a connection's last job proves, and end that job if someone changed it in the database."""
    args = body.model_dump(exclude={"reason"})
    return do(caller, "connection.repair", connection_id, args, reason=body.reason, key=key)


for _operation in OPERATIONS:
    if issubclass(_operation.machine.table, PlatformConnection):
        _add = add_refusal_route if _operation.needs_consent else add_route
        _add(router, _operation, f"/{{target}}/operations/{_operation.name}")
