"""The people who help, as JSON for an admin: listed, added, given a role or a sign-in link, shut out and let in."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from core.models import Role
from core.people import operators
from core.people.operator_list import operator_lines
from ui.api.deps import Who, do, read
from ui.api.jobs import NEEDS_BODY, Because, Why

router = APIRouter(prefix="/api/operators", tags=["people"])

#: A role is never given without saying why; the gateway says so too.
WHY = Field(default=None, max_length=500)


class AddBody(operators.NewOperator):
    """A new operator, and why."""

    reason: str | None = WHY


class RoleBody(operators.RoleForm):
    """A role, and why it is given or taken."""

    reason: str | None = WHY


@router.get("")
def list_operators(who: Who) -> dict[str, Any]:
    """List everybody with more than a member's role: role, access, second factor, open sessions, last seen."""
    items = [asdict(line) for line in read(who, Role.ADMIN, lambda session, _: operator_lines(session))]
    return {"items": items, "next": None, "total": {"value": len(items), "exact": True}}


@router.post("", status_code=201)
def add_operator(body: AddBody, who: Who) -> dict[str, Any]:
    """Add an operator; the answer has the path of their one-time sign-in link, and nothing else ever does."""
    return do(who, "operator.add", None, body.model_dump(exclude={"reason"}), reason=body.reason)


@router.post("/{user_id}/role")
def change_role(user_id: UUID, body: RoleBody, who: Who) -> dict[str, Any]:
    """Give somebody another role; their sessions end."""
    return do(who, "operator.role", user_id, body.model_dump(exclude={"reason"}), reason=body.reason)


@router.post("/{user_id}/disable", openapi_extra=NEEDS_BODY)
def disable(user_id: UUID, who: Who, body: Why = Why()) -> dict[str, Any]:  # noqa: B008
    """Shut somebody out: their sessions, links and tokens end."""
    return do(who, "operator.disable", user_id, reason=body.reason)


@router.post("/{user_id}/enable")
def enable(user_id: UUID, who: Who, body: Because = Because()) -> dict[str, Any]:  # noqa: B008
    """Let somebody in again."""
    return do(who, "operator.enable", user_id, reason=body.reason)


@router.post("/{user_id}/link")
def make_link(user_id: UUID, who: Who, body: Because = Because()) -> dict[str, Any]:  # noqa: B008
    """Make a one-time sign-in link; the answer has its path."""
    return do(who, "operator.link", user_id, reason=body.reason)
