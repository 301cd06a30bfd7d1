"""Between HTTP and Authlib: a request becomes Authlib's, and Authlib's answer a response."""

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from core.local.sandbox.parties import WireRequest
from core.local.sandbox.protocol import Answered

#: The largest body of a request, in bytes.
_MOST_BYTES: Final = 65_536


async def wire_of(request: Request) -> WireRequest:
    """Return a request as Authlib wants it."""
    text = request.url.query if request.method == "GET" else (await body_of(request)).decode(errors="replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise HTTPException(400, "There are too many parameters.") from None
    return WireRequest(request.method, f"http://127.0.0.1{request.url.path}", request.headers, pairs)


async def body_of(request: Request) -> bytes:
    """Return the body, up to a limit."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, "The body is too large.")
    return body


def response_of(call: Callable[[WireRequest], Answered], wire: WireRequest) -> Response:
    """Return Authlib's answer; one that OAuth does not allow, as it repeats a client's text, is a bad request."""
    try:
        status, body, headers = call(wire)
    except ValueError:
        status, body, headers = 400, {"error": "invalid_request"}, ()
    made = JSONResponse(body, status) if isinstance(body, dict) else PlainTextResponse(body, status)
    for name, value in (*headers, ("Cache-Control", "no-store")):
        made.headers[name] = value
    return made
