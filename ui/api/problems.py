"""Errors as RFC 9457 problem+json: type, title, status, detail and what to do; never a traceback."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from core.errors import NotSignedIn, Refused, TooMany
from core.people import rate_limits
from core.wording import plain_message, shortened
from ui import error_page

#: Largest request body in bytes; the largest form, of a schedule, has a few thousand.
MOST_BYTES = 1_000_000
#: Most fields that one answer complains of.
MOST_NAMED = 20
#: All error statuses, with the description that the API documentation shows on each route.
_ERRORS = {
    400: "The request cannot be read, or names an unknown host",
    401: "Not signed in",
    403: "Not permitted; names the missing role",
    404: "Not found",
    405: "The method is not allowed here",
    409: "Not possible now, for example because a job is already active",
    413: "The request is too large",
    422: "Invalid input, field by field",
    429: "Too many requests; wait for the seconds in Retry-After",
    500: "Unexpected error; names the incident id",
    503: "The database does not respond, or is read-only as during a failover",
}


class Problem(BaseModel):
    """An error in the format of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def documented() -> dict[int | str, dict[str, Any]]:
    """Return the error responses that OpenAPI lists on every route."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": description, "content": content} for status, description in _ERRORS.items()}


def problem(status: int, title: str, detail: str, **extra: Any) -> JSONResponse:
    """Return an error response as problem+json."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn every error of the app's own routes into a problem response."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)


async def _left(_request: Request, _error: Exception) -> Response:
    """Answer a client that left before its request was whole: nobody reads it, and nothing is wrong here."""
    return Response(status_code=400)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    if isinstance(error, NotSignedIn):
        return _as_problem(await asyncio.to_thread(_counted, request, error))
    return _as_problem(error)


def _as_problem(error: Refused) -> JSONResponse:
    answer = problem(error.status, error.title, error.detail, **error.extra)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _counted(request: Request, error: NotSignedIn) -> Refused:
    """Count a request without valid credentials; return TooMany once its address is over the limit."""
    try:
        rate_limits.check(rate_limits.STRANGERS, request.client.host if request.client else "")
    except TooMany as too_many:
        return too_many
    return error


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": _field(each["loc"]), "message": _message(request, each)} for each in error.errors()[:MOST_NAMED]
    ]
    detail = "; ".join(f"{each['field']}: {each['message']}" for each in errors)
    return problem(422, "Invalid input", f"{detail}.", errors=errors)


def _field(place: Sequence[Any]) -> str:
    return shortened(".".join(map(str, place[1:]))) or "body"


def _message(request: Request, error: Mapping[str, Any]) -> str:
    message = plain_message(error["msg"])
    body = getattr(request.scope.get("route"), "body_field", None)
    if error["type"] != "extra_forbidden" or body is None:
        return message
    return f"{message}; this address reads {', '.join(body.field_info.annotation.model_fields)}"


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = {
        404: "There is nothing at this address.",
        405: "This address does not support that method.",
        413: f"A request body may have {MOST_BYTES:,} bytes at most.",
    }
    return problem(error.status_code, str(error.detail), detail.get(error.status_code, str(error.detail)))


async def _database(_: Request, error: Exception) -> JSONResponse:
    if sentence := error_page.unavailable(error):
        return problem(503, "Database unavailable", sentence)
    return await _unexpected(_, error)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    incident = error_page.incident(error)
    return problem(
        500, "Unexpected error", f"Nothing was changed. Give support the incident id {incident}.", id=incident
    )


def catch_the_rest(app: FastAPI) -> None:
    """Answer unknown API addresses with a problem, so that no HTML page answers them. Call it after all routes."""
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    async def not_found(request: Request) -> JSONResponse:
        paths = app.openapi()["paths"].items()
        supported = {verb.upper() for path, verbs in paths if _fits(path, request) for verb in verbs}
        if not supported:
            return problem(404, "Not found", "There is nothing at this address; /api/docs lists all addresses.")
        allowed = ", ".join(sorted(supported))
        answer = problem(405, "Method not allowed", f"This address supports {allowed}, not {request.method}.")
        answer.headers["Allow"] = allowed
        return answer

    app.add_api_route("/api/{rest:path}", not_found, methods=methods, include_in_schema=False)


def _fits(path: str, request: Request) -> bool:
    return compile_path(path)[0].match(request.url.path) is not None
