"""Jobs as JSON: list, read, explain, retry, cancel, start now."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from nicegui.json import NiceGUIJSONResponse
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from sqlmodel import Session, select

from core import clock
from core.actor import Actor
from core.commands.command import REASON_LIMIT
from core.database.window import USUAL, Window
from core.diagnosis.context import load_context
from core.diagnosis.ended import failing_service
from core.diagnosis.user import explain_job
from core.errors import NotFound
from core.export import Format, written
from core.job_list import queries
from core.job_list.attempts import job_attempts
from core.job_list.counts import facets
from core.job_list.filters import JobFilter
from core.job_list.orders import NEWEST_FIRST
from core.job_list.rows import detail
from core.job_list.story import job_events
from core.job_list.windows import windows
from core.jobs import reschedule
from core.jobs.edit_and_retry import EditForm
from core.jobs.failure_words import customer_error, is_final
from core.models import BackgroundJob, Role
from core.operations import TASKS
from core.redact import shown
from ui.api.deps import Caller, FilterCaller, Key, do, read
from ui.api.files import FILES, file_answer
from ui.api.lists import After, InOrder, Limit, listed
from ui.api.operation_routes import add_task_route
from ui.api.unread import declared_parameters
from ui.service_checks import checked, service_checks

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

#: What a job's owner does not see: on which machine it runs.
_HIDDEN: Final[dict[str, Any]] = {"worker": None, "worker_id": None}


class OptionalReason(BaseModel):
    """A reason, kept in the audit log."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(default=None, max_length=REASON_LIMIT)


#: A non-blank character for both JSON Schema and Python, which counts five more characters as blank.
VISIBLE: Final = r"[^\s\x1c-\x1f\x85]"


class RequiredReason(OptionalReason):
    """A required reason, kept in the audit log. The gateway checks it after the person's role."""

    model_config = ConfigDict(json_schema_extra={"required": ["reason"]})

    reason: Annotated[
        str | None, WithJsonSchema({"type": "string", "pattern": VISIBLE, "minLength": 1, "maxLength": REASON_LIMIT})
    ] = Field(default=None, max_length=REASON_LIMIT)


#: Marks the request body as required in the documentation of routes with a RequiredReason.
NEEDS_BODY: Final = {"requestBody": {"required": True}}


@router.get("", response_model=dict[str, Any])
def list_jobs(
    request: Request,
    caller: FilterCaller,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    after: Annotated[str | None, Query(description="The `next` of the previous page.")] = None,
    offset: Annotated[
        int | None, Query(ge=0, le=queries.FARTHEST, description="First row to return; use instead of `after`.")
    ] = None,
    of: Annotated[
        int | None, Query(ge=0, le=queries.FARTHEST, description="With `offset`: the total number of rows.")
    ] = None,
    sort: InOrder = NEWEST_FIRST,
) -> NiceGUIJSONResponse:
    """List jobs.

    Filters: id, status, label, situation, kind, queue, not_kind, not_queue, user, not_user, other_than, connection,
    bulk, from_bulk, error, by, reason, arg, created, finished, took, waited, attempt, created_after, created_before,
    finished_after, finished_before, due, redone, and `q`: words and filters in one text, `status:failed took:>30s ana`.
    """
    job_filter = filter_of(request)
    page = read(
        caller,
        Role.VIEWER,
        lambda session, _: queries.page(session, job_filter, limit=limit, after=after, offset=offset, of=of, sort=sort),
    )
    # Nothing to validate: a hundred rows are plain values already.
    parts = {"items": page.items, "next": page.next, "total": asdict(page.total), "first_only": page.first_only}
    return NiceGUIJSONResponse(parts)


@router.get("/facets")
def job_facets(request: Request, caller: FilterCaller) -> dict[str, dict[str, Any]]:
    """Count the matching jobs by status, label and kind, exactly or up to a cap; `more`: kinds that are not counted."""
    job_filter = filter_of(request)
    counts = read(caller, Role.VIEWER, lambda session, _: facets(session, job_filter))
    return {facet: {name: asdict(total) for name, total in values.items()} for facet, values in counts.items()}


@router.get("/export", response_class=StreamingResponse, responses=FILES)
def export_jobs(
    request: Request,
    caller: FilterCaller,
    format: Annotated[Format, Query(description="`csv`, or `jsonl`: one JSON object a line.")] = Format.CSV,  # noqa: A002 - as in the address
    sort: InOrder = NEWEST_FIRST,
) -> StreamingResponse:
    """Return all matching jobs as a file; filters as in the list. A file that is not complete says so at its end."""

    def look(function: Callable[[Session], Any]) -> Any:
        return read(caller, Role.VIEWER, lambda session, _: function(session))

    parts = written(queries.EXPORTED, windows(look, filter_of(request), sort), format)
    return file_answer(f"jobs-{clock.now():%Y-%m-%d}", parts, format)


@router.get("/{job_id}")
def get_job(job_id: UUID, caller: Caller) -> dict[str, Any]:
    """Return one job with its newest attempts; members see only their own jobs."""
    row, failure = read(caller, Role.MEMBER, _job, job_id)
    error = {"error": said, "error_message": said} if failure and (said := _owners_error(*failure)) else {}
    return {**row, **error}


@router.get("/{job_id}/events")
def list_events(job_id: UUID, caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List the events of one job, oldest first."""
    events = read(caller, Role.VIEWER, _part_of_job, job_events, job_id, limit, after)
    return listed(events, [shown(event.model_dump(mode="json")) for event in events])


@router.get("/{job_id}/attempts")
def list_attempts(job_id: UUID, caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List the attempts of one job, newest first."""
    attempts = read(caller, Role.VIEWER, _part_of_job, job_attempts, job_id, limit, after)
    return listed(attempts, [attempt.model_dump(mode="json") for attempt in attempts])


@router.get("/{job_id}/explain")
def explain(job_id: UUID, caller: Caller) -> dict[str, Any]:
    """Explain why a job is in its state, with the evidence and the one safe remedy."""
    return asdict(checked(read(caller, Role.VIEWER, lambda session, _: explain_job(session, job_id))))


@router.post("/{job_id}/retry", status_code=202)
def retry(job_id: UUID, caller: Caller, key: Key = None, body: OptionalReason = OptionalReason()) -> dict[str, Any]:  # noqa: B008
    """Retry a failed or cancelled job as a new job."""
    return do(caller, "job.retry", job_id, reason=body.reason, key=key)


@router.post("/{job_id}/cancel", status_code=202)
def cancel(job_id: UUID, caller: Caller, key: Key = None, body: OptionalReason = OptionalReason()) -> dict[str, Any]:  # noqa: B008
    """Cancel a queued job, or ask a running one to stop at its next checkpoint."""
    return do(caller, "job.cancel", job_id, reason=body.reason, key=key)


@router.post("/{job_id}/start-now", status_code=202)
def start_now(job_id: UUID, caller: Caller, key: Key = None, body: OptionalReason = OptionalReason()) -> dict[str, Any]:  # noqa: B008
    """Start a job now that is planned for later, or waits between two attempts."""
    return do(caller, "job.start_now", job_id, reason=body.reason, key=key)


class NewTime(reschedule.RescheduleForm, OptionalReason):
    """The time at which a job is to start, and an optional reason."""


@router.post("/{job_id}/reschedule", status_code=202)
def reschedule_job(job_id: UUID, body: NewTime, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Start a job that waits at another time."""
    return do(caller, "job.reschedule", job_id, {"at": body.at.isoformat()}, reason=body.reason, key=key)


class NewArguments(EditForm, OptionalReason):
    """Arguments with other values, and an optional reason."""


@router.post("/{job_id}/edit-and-retry", status_code=202)
def edit_and_retry(job_id: UUID, body: NewArguments, caller: Caller, key: Key = None) -> dict[str, Any]:
    """Retry a failed or cancelled job as a new job with other arguments; those that are not named stay."""
    return do(caller, "job.edit_and_retry", job_id, {"args": body.args}, reason=body.reason, key=key)


@router.post("/{job_id}/reveal")
def reveal(job_id: UUID, caller: Caller, body: OptionalReason = OptionalReason()) -> dict[str, Any]:  # noqa: B008
    """Return a job's arguments with secrets visible; for admins, and recorded in the audit log."""
    return do(caller, "job.reveal", job_id, reason=body.reason)


for _task in TASKS:
    add_task_route(router, _task, f"/start/{_task.name}")


def _part_of_job(
    session: Session, _: Actor, part: Callable[[Session, UUID, int, int], Window[Any]], job_id: UUID, *where: int
) -> Window[Any]:
    if session.get(BackgroundJob, job_id) is None:
        raise NotFound(f"There is no job with id {job_id}.")
    return part(session, job_id, *where)


def filter_of(request: Request) -> JobFilter:
    """Return the filter in a request's parameters. Raises Invalid."""
    params, paging = request.query_params, declared_parameters(request)
    return JobFilter.from_params({name: params.getlist(name) for name in params if name not in paging})


def _owners_error(job: BackgroundJob, service: str) -> str:
    """Return what the owner of a job reads of its failure, as their page has it: a service may answer again."""
    check = service_checks.look(service)
    return customer_error(job, is_mended=check is not None and not check.fault)


def _job(session: Session, actor: Actor, job_id: UUID) -> tuple[dict[str, Any], tuple[BackgroundJob, str] | None]:
    """Return a job as its reader sees it, and for its owner the failure: the job and the service that refused it."""
    owner_id = session.exec(select(BackgroundJob.user_id).where(BackgroundJob.id == job_id)).first()
    if not actor.may(Role.VIEWER) and (owner_id is None or owner_id != actor.id):
        raise NotFound(f"There is no job with id {job_id}, or it is not yours.")
    job_detail = detail(session, job_id)
    job = job_detail.job
    row: dict[str, Any] = {**job_detail.row, **shown({"args": job.args, "result": job.result}), "reason": job.reason}
    row["progress"] = {"done": job.progress_done, "total": job.progress_total, "message": job.progress_message}
    if not actor.may(Role.VIEWER):  # an error's own text names hosts, settings and classes
        own_reason = job.reason if job.requested_by == actor.id else None
        service = failing_service(load_context(session, job)) if is_final(job) else ""
        hidden = {**_HIDDEN, "error": None, "error_message": None, "reason": own_reason}
        return {**row, **hidden}, (job, service) if job.error_type else None
    row["error_message"] = job.error_message
    row["attempts"] = [attempt.model_dump(mode="json") for attempt in job_detail.attempts]
    row["error_traceback"] = job.error_traceback
    return row, None
