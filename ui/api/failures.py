"""Failures by their cause: the groups of a time, and one of them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from core import failures
from core.failures import FailureGroup, UserHit
from core.models import Role
from ui.api.deps import Caller, read

router = APIRouter(prefix="/api/failures", tags=["failures"])

Hours = Annotated[int, Query(ge=1, le=failures.WINDOWS[-1], description="How far to look back.")]
Fingerprint = Annotated[str, Field(max_length=200)]


class FailureGroups(BaseModel):
    """Groups of failed jobs, those with the most open ones first; at most a hundred."""

    items: list[FailureGroup]


class FailureAnswer(BaseModel):
    """One group: when, where and whom it hit; the page of its latest job says more."""

    model_config = ConfigDict(from_attributes=True)

    group: FailureGroup
    since: datetime
    parts: list[int] = Field(description="Failures in equal parts of this time, the oldest first.")
    places: dict[str, int] = Field(description="Failures by the worker and version that ran the last attempt.")
    users: list[UserHit]
    latest_job: UUID


@router.get("", name="failures_list")
def list_failures(caller: Caller, hours: Hours = failures.WINDOWS[0]) -> FailureGroups:
    """List the failures of the last hours, grouped by error."""
    return FailureGroups(items=read(caller, Role.VIEWER, lambda session, _: failures.groups_of_hours(session, hours)))


@router.get("/{fingerprint}", name="failures_read")
def get_failure(fingerprint: Fingerprint, caller: Caller, hours: Hours = failures.WINDOWS[0]) -> FailureAnswer:
    """Return one group: when, where and whom it hit."""
    found = read(caller, Role.VIEWER, lambda session, _: failures.failure_detail(session, fingerprint, hours))
    return FailureAnswer.model_validate(found)
