"""The audit log as JSON and as a file, for admins."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from core.audit.export import export
from core.audit.search import COUNTED, AuditFilter, count, find_events
from core.export import Format
from core.models import Role
from ui import access
from ui.api.deps import Caller, FilterCaller, Key, do, read
from ui.api.files import FILES, file_answer
from ui.api.jobs import OptionalReason
from ui.api.unread import declared_parameters

router = APIRouter(prefix="/api/audit", tags=["audit"])


@router.get("")
def list_audit(
    request: Request,
    caller: FilterCaller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="The `next` of the previous page.")] = None,
) -> dict[str, Any]:
    """List changes made by people, newest first. Filters: who, what, user, since, until, q (text in the reason).

    Archive files hold entries up to `archived_before`; null if no entry there can match.
    """
    audit_filter = _filter(request)
    page, entries = read(
        caller,
        Role.ADMIN,
        lambda session, _: (
            find_events(session, audit_filter, limit=limit, before=after),
            count(session, audit_filter),
        ),
    )
    total = {"value": min(entries, COUNTED), "exact": entries <= COUNTED}
    return {
        "items": [asdict(line) for line in page.lines],
        "next": page.next,
        "total": total,
        "archived_before": page.archived_before,
    }


@router.post("/{event}/undo")
def undo_event(
    event: Annotated[int, Path(ge=1, le=2**63 - 1)],
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> dict[str, Any]:
    """Take back the change of one entry by its inverse command, unless the same was changed again since."""
    return do(caller, "event.undo", None, {"event": event}, reason=body.reason, key=key)


@router.get("/export", response_class=StreamingResponse, responses=FILES)
def export_audit(
    request: Request,
    caller: FilterCaller,
    format: Format = Format.CSV,  # noqa: A002 - the parameter's public name
) -> StreamingResponse:
    """Export all matching entries as a file: csv for spreadsheets, jsonl for programs."""
    audit_filter = _filter(request)
    read(caller, Role.ADMIN, lambda *_: None)
    return file_answer("audit", export(access.engine(), audit_filter, format), format)


def _filter(request: Request) -> AuditFilter:
    others = declared_parameters(request)
    return AuditFilter.from_params({n: v for n, v in request.query_params.items() if n not in others})
