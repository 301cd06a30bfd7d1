"""The doors of the pages: who comes without a session is sent to sign in before anything of a page is made.

A page costs memory as long as it is open, so pages are made only for people; and a socket is opened only for this
site's own pages, whatever other sites a person has open.
"""

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import FastAPI
from nicegui import app as nicegui_app
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import NotSignedIn, TooMany
from core.people import auth, rate_limits
from ui import access, error_page
from ui.api.problems import problem

SOCKETS = "/_nicegui_ws/"
#: What pages are made of, the same for everybody; pages themselves are not among it.
PARTS = ("/_nicegui/", "/favicon.ico")


class AuthMiddleware:
    """ASGI middleware in front of the pages and their sockets."""

    def __init__(self, app: ASGIApp, site: FastAPI) -> None:
        self.app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in who may come in."""
        if scope["type"] in ("http", "websocket"):
            await (await self._answer(scope) or self.app)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: Scope) -> ASGIApp | None:
        """Return what is answered instead of what was asked for, or None for who may come in."""
        if scope["path"].startswith(SOCKETS):
            return None if is_from_here(scope) else _refuse
        if scope["type"] == "websocket":
            return _refuse
        # NiceGUI is mounted at the root, behind all of the site's own routes, and makes a page of whatever they leave.
        own = _best((route for route in self._site.routes if not _is_root(route)), scope)
        if own is Match.FULL:
            return None
        if own is Match.PARTIAL:
            return problem(405, "Method not allowed", "This address does not take that method.")
        parts = (route for route in nicegui_app.routes if getattr(route, "path", "").startswith(PARTS))
        return None if _best(parts, scope) is Match.FULL else await _turned_away(Request(scope))


def _is_root(route: BaseRoute) -> bool:
    return isinstance(route, Mount) and not route.path


def _best(routes: Iterable[BaseRoute], scope: Scope) -> Match:
    """Tell how well the best of these routes fits; PARTIAL: the address is right, and the method is not."""
    return max((route.matches(scope)[0] for route in routes), key=lambda match: match.value, default=Match.NONE)


def is_from_here(scope: Scope) -> bool:
    """Tell whether no other site's page sent this: browsers say where a socket is opened from."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    origin = headers.get(b"origin")
    if origin is None:
        return headers.get(b"sec-fetch-site", "none") in ("same-origin", "none")
    return bool(urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower())


async def _turned_away(request: Request) -> Response | None:
    """Return what stands in the way of seeing a page, or None for who is signed in."""
    try:
        actor = await access.load(auth.authenticate, access.credentials_of(request, "console"))
        await asyncio.to_thread(rate_limits.check, rate_limits.PAGES, str(actor.id))
    except NotSignedIn:
        return access.to_sign_in(request)
    except TooMany as error:
        answer = error_page.plain(429, error.title, error.detail, access.address_of(request), "Try again")
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    except SQLAlchemyError:
        return None  # the page itself says that the database is away
    return None


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse("This socket is for the console's own pages.", 403)(scope, receive, send)
