"""Operators, for admins: list and add them, change roles, create sign-in links, disable and enable access."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from core.database.window import USUAL
from core.models import Role
from core.people import operators
from core.people.operator_list import operator_lines
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import NEEDS_BODY, OptionalReason, RequiredReason
from ui.api.lists import After, Limit, listed, total_so_far

router = APIRouter(prefix="/api/operators", tags=["people"])

#: A change of role needs a reason; the gateway checks it too.
REASON = Field(default=None, max_length=500)


class AddBody(operators.NewOperator):
    """A new operator, with an optional reason."""

    reason: str | None = REASON


class RoleBody(operators.RoleForm):
    """A new role, with the reason for the change."""

    reason: str | None = REASON


@router.get("")
def list_operators(caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List operators by e-mail: role, access, second factor, open sessions, last seen."""
    lines = read(caller, Role.ADMIN, lambda session, _: operator_lines(session, after, limit))
    return {**listed(lines, [asdict(line) for line in lines]), "total": total_so_far(lines)}


@router.post("", status_code=201)
def add_operator(body: AddBody, caller: Caller) -> dict[str, Any]:
    """Add an operator; only this response contains the path of their one-time sign-in link."""
    return do(caller, "operator.add", None, body.model_dump(exclude={"reason"}), reason=body.reason)


@router.post("/{user_id}/role")
def change_role(user_id: UUID, body: RoleBody, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Change a person's role; their sessions end."""
    return do(caller, "operator.role", user_id, body.model_dump(exclude={"reason"}), reason=body.reason, key=key)


@router.post("/{user_id}/disable", openapi_extra=NEEDS_BODY)
def disable(user_id: UUID, caller: Caller, key: Key = None, body: RequiredReason = RequiredReason()) -> dict[str, Any]:  # noqa: B008
    """Disable a person's access; their sessions, links and tokens end."""
    return do(caller, "operator.disable", user_id, reason=body.reason, key=key)


@router.post("/{user_id}/enable")
def enable(user_id: UUID, caller: Caller, key: Key = None, body: OptionalReason = OptionalReason()) -> dict[str, Any]:  # noqa: B008
    """Enable a person's access again."""
    return do(caller, "operator.enable", user_id, reason=body.reason, key=key)


@router.post("/{user_id}/link")
def make_link(user_id: UUID, caller: Caller, body: OptionalReason = OptionalReason()) -> dict[str, Any]:  # noqa: B008
    """Create a one-time sign-in link; the response contains its path."""
    return do(caller, "operator.link", user_id, reason=body.reason)
