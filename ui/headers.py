"""Security headers on every response, and the check of the Host header."""

import re
from urllib.parse import urlsplit

import idna
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Unusable
from core.settings import settings
from ui.api.problems import MOST_BYTES, problem

#: NiceGUI's pages contain inline scripts and compile templates, hence the two unsafe sources; all others are strict.
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
#: Answered under any one host name: Kubernetes and Prometheus ask by IP address, and the answers name no person.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class Headers:
    """ASGI middleware: refuses unknown hosts, but for probes, and adds the headers to every response."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app = app
        self._hosts = hosts
        self._https = (settings().public_url or "").startswith("https:")

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

        handler = self.app if self._known(scope) else self._refuse
        if handler is self.app and _too_large(scope):
            handler = problem(413, "Too large", f"A request body may have {MOST_BYTES:,} bytes at most.")
        return await handler(scope, receive, send_with_headers)

    def _known(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and scope["type"] == "http" and scope["path"] in PROBES:
            return True
        host = hosts[0] if len(hosts) == 1 else ""  # with two, parts of the program could disagree
        return "*" in self._hosts or _host_name(host) in self._hosts

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        detail = "The console does not serve this host name; set UNSTUCK_PUBLIC_URL or UNSTUCK_HOSTS."
        await problem(400, "Unknown host", detail)(scope, receive, send)


def _too_large(scope: Scope) -> bool:
    """Return whether Content-Length exceeds the limit; FastAPI's own limit stops requests without the header."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return length.isdigit() and int(length) > MOST_BYTES


def install(app: FastAPI) -> None:
    """Wrap the whole application, including the response to unexpected errors, which added middleware does not see.

    Raises Unusable when a setting names no host: now, since the application wraps itself at its first request.
    """
    inner, hosts = app.build_middleware_stack, _served_hosts()
    app.build_middleware_stack = lambda: Headers(inner(), hosts)  # type: ignore[method-assign]


def _served_hosts() -> frozenset[str]:
    try:
        public = urlsplit(settings().public_url or "http:")
    except ValueError:
        raise Unusable("UNSTUCK_PUBLIC_URL is no URL.") from None
    if public.scheme not in ("http", "https"):
        raise Unusable("UNSTUCK_PUBLIC_URL must begin with https:// or http://.")
    named = re.split(r"[,\s]+", settings().hosts)
    return LOOPBACK | {_configured(name) for name in (public.netloc.rpartition("@")[2], *named) if name}


def _host_name(host: str) -> str:
    """Return the name in a Host header, in lower case and without the port."""
    return (host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host).lower()


def _configured(host: str) -> str:
    """Return a host from the settings as browsers send it: an international name in Punycode, IPv6 in brackets."""
    if host.count(":") > 1 and not host.startswith("["):
        return f"[{host}]".lower()
    name = _host_name(host)
    try:
        return name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        raise Unusable(f"UNSTUCK_HOSTS or UNSTUCK_PUBLIC_URL names {host!r}, which is no host name.") from None
