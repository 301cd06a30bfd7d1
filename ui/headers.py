"""What every answer carries, and which hosts are answered: a browser is told to trust this site with nothing else."""

from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings import settings
from ui.api.problems import MOST_BYTES, problem

#: NiceGUI's pages build their scripts in the page and compile templates, hence the two unsafe words; nothing else is.
CSP = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
ALWAYS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Headers:
    """ASGI middleware: refuses foreign hosts, and adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        public = urlsplit(settings().public_url or "")
        self._https = public.scheme == "https"
        self._hosts = LOOPBACK | ({public.hostname} if public.hostname else set()) | set(settings().hosts.split())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                if self._https:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        go_on = self.app if self._known(scope) else self._refuse
        if go_on is self.app and _too_large(scope):
            go_on = problem(413, "Too large", f"A request may hold {MOST_BYTES:,} bytes; send less.")
        return await go_on(scope, receive, send_with_headers)

    def _known(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        host = hosts[0] if len(hosts) == 1 else ""  # of two, one part of the program would read this one, one the other
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return "*" in self._hosts or name.lower() in self._hosts

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        detail = "This address is not one that the console answers to; set UNSTUCK_PUBLIC_URL or UNSTUCK_HOSTS."
        await problem(400, "Unknown host", detail)(scope, receive, send)


def _too_large(scope: Scope) -> bool:
    """Tell whether a request says so itself; one that does not is cut off by FastAPI's own limit."""
    said = dict(scope["headers"]).get(b"content-length", b"0")
    return said.isdigit() and int(said) > MOST_BYTES


def install(app: FastAPI) -> None:
    """Put it in front of everything: of the answer to an unexpected error too, which no added middleware sees."""
    inner = app.build_middleware_stack
    app.build_middleware_stack = lambda: Headers(inner())  # type: ignore[method-assign]
