"""The jobs between two rows of a list, by their ids: what Shift selects where the rows are not loaded."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from core.errors import Invalid
from core.job_list import queries
from core.job_list.orders import NEWEST_FIRST
from core.models import Role
from ui.api.deps import FilterCaller, read
from ui.api.jobs import filter_of
from ui.api.lists import InOrder

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

#: Most ids in one answer, as in ui/components/jobs/grid/list.js: more are not selected one by one.
MOST: Final = 5_000


class JobsBetween(BaseModel):
    """The jobs from one to another."""

    ids: list[UUID]
    more: bool = Field(description="There are more between them, which are left out.")


@router.get("/between")
def jobs_between(
    request: Request,
    caller: FilterCaller,
    first: Annotated[UUID | None, Query(description="A job of the list; needed.")] = None,
    last: Annotated[UUID | None, Query(description="Another one, or the same; needed.")] = None,
    sort: InOrder = NEWEST_FIRST,
) -> JobsBetween:
    """Return the ids of the matching jobs from one to another, both included, in order; filters as in the list."""
    job_filter = filter_of(request)
    if first is None or last is None:
        raise Invalid(
            "first and last are needed: two jobs of the list.", {"first" if first is None else "last": "is missing"}
        )
    ends = first, last
    ids = read(caller, Role.VIEWER, lambda session, _: queries.ids_between(session, job_filter, ends, MOST + 1, sort))
    return JobsBetween(ids=ids[:MOST], more=len(ids) > MOST)
