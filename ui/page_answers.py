"""NiceGUI passes each answer through two tasks with streams to set one header, a millisecond a page; ours sets it here.

A redirect gets the path under which a proxy serves us, and what never changes may be kept.
"""

from typing import Any

from nicegui import app as pages
from nicegui import middlewares
from nicegui.version import __version__
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_THEIRS: tuple[Any, ...] = (middlewares.RedirectWithPrefixMiddleware, middlewares.SetCacheControlMiddleware)
_STATIC = f"/_nicegui/{__version__}/"
_DYNAMIC = f"{_STATIC}dynamic_resources/"


class PageAnswers:
    """ASGI middleware: does what NiceGUI's own two do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and complete the headers of its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message), scope)
            await send(message)

        return await self.app(scope, receive, send_with_headers)


def _complete(headers: MutableHeaders, scope: Scope) -> None:
    path, location = scope["path"], headers.get("location", "")
    if location.startswith("/"):
        headers["location"] = Headers(scope=scope).get("x-forwarded-prefix", "") + location
    if path.startswith(_STATIC) and not path.startswith(_DYNAMIC):
        headers["cache-control"] = pages.config.cache_control_directives


def install() -> None:
    """Take the place of NiceGUI's own, once it has added them."""
    others = [each for each in pages.user_middleware if each.cls not in _THEIRS]
    if len(others) + len(_THEIRS) != len(pages.user_middleware):
        raise RuntimeError("NiceGUI completes its answers in another way")
    pages.user_middleware = others
    pages.add_middleware(PageAnswers)
