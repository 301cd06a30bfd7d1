"""Figures of finished jobs over a time, as JSON and as a file."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlmodel import Session

from core.analytics import table
from core.analytics.figures import Analytics, By
from core.analytics.reading import analytics
from core.analytics.spans import Choice, TimeRange
from core.clock import ZonedTime
from core.export import Format
from core.models import Role
from ui.api.deps import Caller, read
from ui.api.files import FILES, file_answer

router = APIRouter(prefix="/api/analytics", tags=["analytics"])

_Name = Annotated[str, Query(max_length=320)]


class AnalyticsAnswer(BaseModel):
    """The figures of a time, and those of the time before; null while nothing has been added up yet."""

    figures: Analytics | None = Field(description="Times are in seconds, shares between 0 and 1.")


def _choice(
    range: Annotated[TimeRange | None, Query(description="Used without `from`; 24h if both are left out.")] = None,  # noqa: A002 - as in the address
    start: Annotated[ZonedTime | None, Query(alias="from", description="With `to`; its buckets are whole.")] = None,
    to: ZonedTime | None = None,
    kind: _Name = "",
    queue: _Name = "",
    version: Annotated[str | None, Query(max_length=320, description="Empty: no worker is on record.")] = None,
) -> Choice:
    preset = None if start or to else range or TimeRange.DAY
    return Choice(preset, start, to, kind, queue, version)


Chosen = Annotated[Choice, Depends(_choice)]
Lines = Annotated[By, Query(description="What each line is about.")]


@router.get("", name="analytics_read")
def read_analytics(
    caller: Caller,
    choice: Chosen,
    by: Lines = By.KIND,
    zone: Annotated[str, Query(max_length=100, description="Of weekdays and hours.")] = "UTC",
) -> AnalyticsAnswer:
    """Return counts, success, times and retries of finished jobs, compared with the time before."""
    return AnalyticsAnswer(
        figures=read(caller, Role.VIEWER, lambda session, _: analytics(session, choice, by, zone)),
    )


@router.get("/export", name="analytics_export", response_class=StreamingResponse, responses=FILES)
def export_analytics(caller: Caller, choice: Chosen, by: Lines = By.KIND) -> StreamingResponse:
    """Return the lines as a CSV file."""
    parts = read(caller, Role.VIEWER, lambda session, _: list(_file(session, choice, by)))
    return file_answer("analytics", iter(parts), Format.CSV)


def _file(session: Session, choice: Choice, by: By) -> Iterator[str]:
    found = analytics(session, choice, by)
    yield from table.csv(found) if found else ()
