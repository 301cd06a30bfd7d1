"""The provider's application: its endpoints for programs, and the pages for people beside them."""

import hmac
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core.local.sandbox import behaviour
from core.local.sandbox.adoption import adopt
from core.local.sandbox.ledger import Ledger
from core.local.sandbox.pages import Pages
from core.local.sandbox.parties import WireRequest
from core.local.sandbox.protocol import Answered, SandboxServer
from core.local.sandbox.wire import body_of, response_of, wire_of

log = logging.getLogger(__name__)


class Endpoints:
    """What programs and tests call. Handlers run in one thread, so that no two requests are interleaved."""

    def __init__(self, ledger: Ledger, secret: str) -> None:
        self._ledger, self._secret = ledger, secret
        self._server = SandboxServer(ledger, secret)
        self._pages = Pages(ledger, self._server, secret)

    def routes(self) -> list[Route]:
        """Return all addresses of the provider."""
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
            Route("/introspect", self._introspect, methods=["POST"]),
            Route("/me", self._me, methods=["GET"]),
            Route("/ledger", self._lines, methods=["GET"]),
            Route("/adopt", self._adopt, methods=["POST"]),
            Route("/behaviour", self._behave, methods=["POST"]),
            Route("/withdraw", self._withdraw, methods=["POST"]),
            *self._pages.routes(),
        ]

    async def _token(self, request: Request) -> Response:
        return await self._play("token", request, self._server.create_token_response)

    async def _revoke(self, request: Request) -> Response:
        return await self._play(
            "revoke", request, lambda wire: self._server.create_endpoint_response("revocation", wire)
        )

    async def _introspect(self, request: Request) -> Response:
        return await self._play(
            "introspect", request, lambda wire: self._server.create_endpoint_response("introspection", wire)
        )

    async def _me(self, request: Request) -> Response:
        def profile(wire: WireRequest) -> Answered:
            try:
                row = self._server.protector.validate_request(None, wire).row
            except OAuth2Error as error:
                refused: Answered = error()
                return refused
            return 200, {"id": row["account_id"], "handle": row["handle"], "platform": row["platform"]}, ()

        return await self._play("me", request, profile)

    async def _play(self, endpoint: str, request: Request, call: Callable[[WireRequest], Answered]) -> Response:
        wire = await wire_of(request)

        def answer() -> Response:
            with self._ledger.transaction():
                return response_of(call, wire)

        with self._ledger.transaction():
            current = behaviour.take(self._ledger, endpoint)
        return await behaviour.play(current, answer)

    async def _lines(self, request: Request) -> Response:
        self._require_secret(request)
        return JSONResponse(self._ledger.lines())

    async def _adopt(self, request: Request) -> Response:
        return await self._change(request, adopt)

    async def _behave(self, request: Request) -> Response:
        if not is_json(request):
            return await self._pages.change(request, behaviour.change)
        return await self._change(request, behaviour.change)

    async def _withdraw(self, request: Request) -> Response:
        if not is_json(request):
            return await self._pages.change(request, withdraw)
        return await self._change(request, withdraw)

    async def _change(self, request: Request, change: Callable[[Ledger, dict[str, Any]], None]) -> Response:
        """Do what a JSON body asks for, or answer with the sentence of a ValueError."""
        self._require_secret(request)
        try:
            wanted = dict(json.loads(await body_of(request)))
            with self._ledger.transaction():
                change(self._ledger, wanted)
        except (json.JSONDecodeError, TypeError, UnicodeDecodeError, RecursionError):
            raise HTTPException(400, "The body must be a JSON object of the right values.") from None
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        return Response(status_code=204)

    def _require_secret(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise HTTPException(401, "The client secret is needed as bearer token.", {"WWW-Authenticate": "Bearer"})


def create(ledger: Ledger, secret: str) -> ASGIApp:
    """Return the application of a ledger; all clients and `/ledger` have the one secret."""
    application = Starlette(
        routes=Endpoints(ledger, secret).routes(),
        # Another name that leads here is another site's, which could read the pages of this one.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )

    async def without_traceback(scope: Scope, receive: Receive, send: Send) -> None:
        """Starlette raises a failure again after its answer, and uvicorn would log its text, maybe with a token."""
        with suppress(Exception):
            await application(scope, receive, send)

    return without_traceback


def withdraw(ledger: Ledger, wanted: dict[str, Any]) -> None:
    """End a `grant`, or all grants of a `handle`. Raises ValueError."""
    handle, grant = str(wanted.get("handle") or ""), str(wanted.get("grant") or "")
    if not (handle or grant):
        raise ValueError("Say whose access ends: a handle, or a grant.")
    for row in ledger.open_grants(handle, most=1_000_000):
        if grant in ("", row["id"]):
            ledger.end_grant(row["id"], "the person")


def is_json(request: Request) -> bool:
    """Tell whether a request comes from a program: a form of another site cannot have this type."""
    return request.headers.get("content-type", "").startswith("application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("the sandbox failed: %s", type(error).__name__)  # its text may contain a token
    return PlainTextResponse("The sandbox failed.", 500)
