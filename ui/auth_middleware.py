"""Authentication before pages: a request without a session is sent to the sign-in page before a page is built.

An open page costs memory, so pages are built only for signed-in people; and sockets open only from this site's own
pages, whatever other sites a person has open.
"""

import asyncio
import threading
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from fastapi import FastAPI
from nicegui import app as nicegui_app
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from core.actor import Actor
from core.database.engine import snapshot_scope
from core.errors import NotSignedIn, TooMany
from core.people import auth, rate_limits
from core.people.auth import Credentials
from ui import access, error_page
from ui.api.problems import problem

SOCKETS = "/_nicegui_ws/"
#: Static parts of pages, the same for everyone; pages themselves are not among them.
STATIC_PARTS = ("/_nicegui/", "/favicon.ico")
#: Addresses whose own routes are remembered.
MOST_REMEMBERED = 1_000


class AuthMiddleware:
    """ASGI middleware in front of the pages and their sockets."""

    def __init__(self, app: ASGIApp, site: FastAPI) -> None:
        self.app = app
        self._site = site
        self._own = lru_cache(MOST_REMEMBERED)(self._best_of_own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a refusal or a redirect."""
        if scope["type"] in ("http", "websocket"):
            await (await self._instead(scope) or self.app)(scope, receive, send)
            return
        # The server starts. FastAPI puts its routes together when the first one is looked for, which takes a second.
        threading.Thread(target=self._own, args=("GET", "/api/-", "", 0), daemon=True, name="routes").start()
        await self.app(scope, receive, send)

    async def _instead(self, scope: Scope) -> ASGIApp | None:
        """Return what answers instead of the site: a refusal, or NiceGUI itself; None to pass the request on."""
        if scope["path"].startswith(SOCKETS):
            if not is_from_here(scope):
                return _refuse
            return self._pages(scope) if scope["type"] == "websocket" else None
        if scope["type"] == "websocket":
            return _refuse
        # NiceGUI is mounted at the root, after the site's own routes, and builds a page for any address they leave.
        own = self._own(scope["method"], scope["path"], scope.get("root_path", ""), len(self._site.routes))
        if own is Match.FULL:
            return None
        if own is Match.PARTIAL:
            return problem(405, "Method not allowed", "This address does not support that method.")
        parts = (route for route in nicegui_app.routes if getattr(route, "path", "").startswith(STATIC_PARTS))
        if _best(parts, scope) is Match.FULL:
            return None
        # For a page or its socket, the site would try each of its routes once more; below /api/ there is no page.
        passed_on = None if scope["path"].startswith("/api/") else self._pages(scope)
        return await _sign_in_or_limit(Request(scope)) or passed_on

    def _pages(self, scope: Scope) -> ASGIApp | None:
        for root in filter(_is_root, self._site.routes):
            scope.update(root.matches(scope)[1])
            return root.handle
        return None

    def _best_of_own(self, method: str, path: str, root_path: str, _number: int) -> Match:
        """Return how well the site's own routes match; trying all of them takes a tenth of what a small answer does."""
        scope = {"type": "http", "method": method, "path": path, "root_path": root_path}
        return _best((route for route in self._site.routes if not _is_root(route)), scope)


def _is_root(route: BaseRoute) -> bool:
    return isinstance(route, Mount) and not route.path


def _best(routes: Iterable[BaseRoute], scope: Scope) -> Match:
    """Return how well the best of these routes matches; PARTIAL: the address matches, the method does not."""
    return max((route.matches(scope)[0] for route in routes), key=lambda match: match.value, default=Match.NONE)


def is_from_here(scope: Scope) -> bool:
    """Return whether our own page or a program opens this socket: browsers send the origin."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    origin = headers.get(b"origin")
    if origin is None:
        return headers.get(b"sec-fetch-site", "none") in ("same-origin", "none")
    return bool(urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower())


async def _sign_in_or_limit(request: Request) -> Response | None:
    """Return a redirect to sign in, or a refusal above the rate limit; None for a signed-in person within it."""
    try:
        actor = await asyncio.to_thread(_within_limit, access.credentials_of(request, "console"))
        access.note_actor(request, actor)
    except NotSignedIn:
        return await asyncio.to_thread(_redirect_or_limit, request)
    except TooMany as error:
        return _too_many(request, error)
    except SQLAlchemyError:
        return None  # the page itself says that the database is down
    return None


def _within_limit(credentials: Credentials) -> Actor:
    """Return the person of these credentials, and count one more page of theirs. Raises NotSignedIn or TooMany."""
    with snapshot_scope(access.engine()) as session:
        actor = auth.authenticate(session, credentials)
    rate_limits.check(rate_limits.PAGES, str(actor.id))  # while it waits for Redis, others have the connection
    return actor


def _redirect_or_limit(request: Request) -> Response:
    """Return a redirect to sign in; a made-up session costs a query, so these requests are counted by address."""
    try:
        rate_limits.check(rate_limits.STRANGERS, request.client.host if request.client else "")
    except TooMany as error:
        return _too_many(request, error)
    return access.to_sign_in(request)


def _too_many(request: Request, error: TooMany) -> Response:
    answer = error_page.plain(429, error.title, error.detail, access.address_of(request), "Try again")
    answer.headers["Retry-After"] = str(error.retry_after)
    return answer


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse("Only the console's own pages can open this socket.", 403)(scope, receive, send)
