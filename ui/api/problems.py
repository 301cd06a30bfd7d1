"""Errors as RFC 9457 problem+json: type, title, status, detail, and what to do. Never a traceback."""

import asyncio
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from core.errors import NotSignedIn, Refused, TooMany
from core.people import rate_limits
from ui import error_page

#: Bytes of a request's body: the longest form is a schedule's, of a few thousand.
MOST_BYTES = 1_000_000
#: Every way in which the API says no, as its documentation lists them for each route.
_SAYS_NO = {
    400: "The request cannot be read, or names a host that is not ours",
    401: "Not signed in",
    403: "Not permitted: the missing role is named",
    404: "There is no such thing",
    405: "This address does not take that method",
    409: "Not possible now, such as a job that is already under way",
    413: "The request is too large",
    422: "Invalid input, field by field",
    429: "Too many requests: wait as long as Retry-After says",
    500: "Unexpected error, with the id of the incident",
    503: "The database does not answer",
}


class Problem(BaseModel):
    """What went wrong, in RFC 9457's words."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def documented() -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI tells of refusals and failures, for all routes alike."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": says, "content": content} for status, says in _SAYS_NO.items()}


def problem(status: int, title: str, detail: str, **extra: Any) -> JSONResponse:
    """Return one refusal or failure as problem+json."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make every error of the app's own routes a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _unexpected)


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
    """Count a stranger's request, with whichever made-up token; from too many on it is another refusal."""
    try:
        rate_limits.check(rate_limits.STRANGERS, request.client.host if request.client else "")
    except TooMany as too_many:
        return too_many
    return error


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(str(p) for p in e["loc"][1:]) or "body", "message": e["msg"]} for e in error.errors()]
    detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors)
    return problem(422, "Invalid input", f"{detail}.", errors=errors)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = {
        404: "There is nothing at this address.",
        405: "This address does not take that method.",
        413: f"A request may hold {MOST_BYTES:,} bytes; send less.",
    }
    return problem(error.status_code, str(error.detail), detail.get(error.status_code, str(error.detail)))


async def _database(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, DBAPIError) and not isinstance(error, OperationalError):
        return await _unexpected(_, error)
    detail = "The database does not answer; nothing was changed. It is tried again by itself: repeat this in a moment."
    return problem(503, "Database away", detail)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    incident = error_page.incident(error)
    return problem(
        500, "Unexpected error", f"Nothing was changed. Give support the incident id {incident}.", id=incident
    )


def catch_the_rest(app: FastAPI) -> None:
    """Answer what no route of the API takes, lest the pages below do it with HTML. Call it after all routes."""
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    async def nothing_here(request: Request) -> JSONResponse:
        paths = app.openapi()["paths"].items()
        taken = {verb.upper() for path, verbs in paths if _fits(path, request) for verb in verbs}
        if not taken:
            return problem(404, "Not found", "There is nothing at this address; /api/docs lists what there is.")
        allowed = ", ".join(sorted(taken))
        answer = problem(405, "Method not allowed", f"This address takes {allowed}, not {request.method}.")
        answer.headers["Allow"] = allowed
        return answer

    app.add_api_route("/api/{rest:path}", nothing_here, methods=methods, include_in_schema=False)


def _fits(path: str, request: Request) -> bool:
    return compile_path(path)[0].match(request.url.path) is not None
