"""Jobs as JSON: list, read, explain, retry, cancel."""

from dataclasses import asdict
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from sqlmodel import Session, select

from core.actor import Actor
from core.commands.gateway import REASON_LIMIT
from core.diagnosis.user import explain_job
from core.errors import NotFound
from core.job_list import queries
from core.job_list.counts import facets
from core.job_list.filters import JobFilter
from core.job_list.rows import detail
from core.models import BackgroundJob, Role
from core.redact import shown
from ui.api.deps import Key, Who, do, read

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

#: Parameters of a list that say which part of it is wanted; all others are the filter.
PAGING = frozenset({"limit", "after", "offset", "of", "sort"})


class Because(BaseModel):
    """Why somebody does it; goes into the audit log."""

    reason: str | None = Field(default=None, max_length=REASON_LIMIT)


#: A sign that is not blank, neither to readers of patterns nor to Python, which counts five more signs as blank.
VISIBLE: Final = r"[^\s\x1c-\x1f\x85]"


class Why(Because):
    """Why somebody does what is not done without a reason. The gateway asks for it, once it knows that they may."""

    model_config = ConfigDict(json_schema_extra={"required": ["reason"]})

    reason: Annotated[
        str | None, WithJsonSchema({"type": "string", "pattern": VISIBLE, "minLength": 1, "maxLength": REASON_LIMIT})
    ] = Field(default=None, max_length=REASON_LIMIT)


#: What the documentation says of routes with a Why: that there has to be a body.
NEEDS_BODY: Final = {"requestBody": {"required": True}}


@router.get("")
def list_jobs(
    request: Request,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    after: Annotated[str | None, Query(description="The `next` of the page before.")] = None,
    offset: Annotated[
        int | None, Query(ge=0, le=queries.FARTHEST, description="Row to start at, instead of after.")
    ] = None,
    of: Annotated[
        int | None, Query(ge=0, le=queries.FARTHEST, description="With offset: how many rows there are.")
    ] = None,
    sort: Annotated[queries.Sort, Query(description="-created_at: newest first.")] = "-created_at",
) -> dict[str, Any]:
    """Return one page. Filters: status, label, kind, queue, user, connection, error, q, created_after, _before."""
    wanted = _filter(request)
    page = read(
        who,
        Role.VIEWER,
        lambda session, _: queries.page(session, wanted, limit=limit, after=after, offset=offset, of=of, sort=sort),
    )
    return {"items": page.items, "next": page.next, "total": asdict(page.total)}


@router.get("/facets")
def job_facets(request: Request, who: Who) -> dict[str, dict[str, Any]]:
    """Return how many jobs each status and label has among those that fit the filter; exact, or capped."""
    wanted = _filter(request)
    found = read(who, Role.VIEWER, lambda session, _: facets(session, wanted))
    return {facet: {name: asdict(total) for name, total in values.items()} for facet, values in found.items()}


@router.get("/{job_id}")
def get_job(job_id: UUID, who: Who) -> dict[str, Any]:
    """Return one job with its attempts; members see their own."""
    return read(who, Role.MEMBER, _job, job_id)


@router.get("/{job_id}/events")
def job_events(job_id: UUID, who: Who) -> dict[str, Any]:
    """Return everything that happened to one job, oldest first."""
    found = read(who, Role.VIEWER, lambda session, _: detail(session, job_id))
    return {"items": [shown(event.model_dump(mode="json")) for event in found.events], "next": None}


@router.get("/{job_id}/explain")
def explain(job_id: UUID, who: Who) -> dict[str, Any]:
    """Tell why a job is where it is, with the evidence and the one safe remedy."""
    return asdict(read(who, Role.VIEWER, lambda session, _: explain_job(session, job_id)))


@router.post("/{job_id}/retry", status_code=202)
def retry(job_id: UUID, who: Who, key: Key = None, body: Because = Because()) -> dict[str, Any]:  # noqa: B008
    """Start the work of a failed or cancelled job again, as a new job."""
    return do(who, "job.retry", job_id, reason=body.reason, key=key)


@router.post("/{job_id}/cancel", status_code=202)
def cancel(job_id: UUID, who: Who, key: Key = None, body: Because = Because()) -> dict[str, Any]:  # noqa: B008
    """Cancel a queued job, or ask a running one to stop at its next checkpoint."""
    return do(who, "job.cancel", job_id, reason=body.reason, key=key)


@router.post("/{job_id}/reveal")
def reveal(job_id: UUID, who: Who, body: Because = Because()) -> dict[str, Any]:  # noqa: B008
    """Return a job's arguments with what is hidden elsewhere; for admins, and written into the audit log."""
    return do(who, "job.reveal", job_id, reason=body.reason)


def _filter(request: Request) -> JobFilter:
    params = request.query_params
    return JobFilter.from_params({name: params.getlist(name) for name in params if name not in PAGING})


def _job(session: Session, actor: Actor, job_id: UUID) -> dict[str, Any]:
    asked_by = session.exec(select(BackgroundJob.user_id).where(BackgroundJob.id == job_id)).first()
    if not actor.may(Role.VIEWER) and (asked_by is None or asked_by != actor.id):
        raise NotFound(f"There is no job with id {job_id}, or it is not yours.")
    found = detail(session, job_id)
    job = found.job
    row: dict[str, Any] = {**found.row, **shown({"args": job.args, "result": job.result}), "reason": job.reason}
    row["progress"] = {"done": job.progress_done, "total": job.progress_total, "message": job.progress_message}
    row["error_message"] = job.error_message
    if actor.may(Role.VIEWER):
        row["attempts"] = [attempt.model_dump(mode="json") for attempt in found.attempts]
        row["error_traceback"] = job.error_traceback
    return row
