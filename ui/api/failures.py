"""Failures by their cause: the groups of a time, and one of them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from core import failures
from core.failures import FailureDetail, FailureGroup
from core.models import Role
from ui.api.deps import Caller, read

router = APIRouter(prefix="/api/failures", tags=["failures"])

Hours = Annotated[int, Query(ge=1, le=failures.WINDOWS[-1], description="How far to look back.")]
Fingerprint = Annotated[str, Field(max_length=200)]


class FailureGroups(BaseModel):
    """Groups of failed jobs, those with the most open ones first; at most a hundred."""

    items: list[FailureGroup]


@router.get("", name="failures_list")
def list_failures(caller: Caller, hours: Hours = failures.WINDOWS[0]) -> FailureGroups:
    """List the failures of the last hours, grouped by error."""
    return FailureGroups(items=read(caller, Role.VIEWER, lambda session, _: failures.groups_of_hours(session, hours)))


@router.get("/{fingerprint}", name="failures_read")
def get_failure(fingerprint: Fingerprint, caller: Caller, hours: Hours = failures.WINDOWS[0]) -> FailureDetail:
    """Return one group: when, where, whom it hit, and the traceback of its latest job."""
    return read(caller, Role.VIEWER, lambda session, _: failures.failure_detail(session, fingerprint, hours))
