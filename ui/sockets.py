"""Sockets of pages: each may drive only its own page, with the session that connected the page, within limits.

NiceGUI lets any socket drive any page whose id it knows. Here each message must come from a socket that completed the
handshake for that page, and the handshake needs the session that connected the page.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from nicegui import Client, background_tasks, core
from socketio.exceptions import ConnectionRefusedError as Refused  # type: ignore[import-untyped]

from core.errors import NotSignedIn
from core.people import auth
from core.people.auth import Credentials
from ui import access

log = logging.getLogger(__name__)

#: Most bytes in one message; the console's largest message is a text in a form.
LONGEST = 200_000
#: Messages per socket: the burst, and the sustained number per second. People are slower.
BURST, RATE = 400, 100
#: Seconds within which a new connection must authenticate; browsers do it immediately.
PATIENCE = 10.0
#: Messages that a page's browser sends; each names its page.
MESSAGES = ("event", "javascript_response", "ack", "log")
#: NiceGUI's own message that makes a page reload; without a session the reload leads to the sign-in page.
RELOAD = "Implicit handshake failed"

Handler = Callable[..., Any]


@dataclass(slots=True)
class _Bucket:
    left: float = BURST
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.left = min(BURST, self.left + (now - self.at) * RATE) - 1
        self.at = now
        return self.left >= 0


_buckets: dict[str, _Bucket] = {}


def install() -> None:
    """Wrap NiceGUI's handlers with the guards. Call it once per process, after NiceGUI has declared them."""
    handlers = core.sio.handlers["/"]
    core.sio.eio.on("connect", _close_unless_authenticated(core.sio.eio.handlers["connect"]))
    core.sio.on("connect", _signed_in_only(handlers["connect"]))
    core.sio.on("handshake", _same_session_only(handlers["handshake"]))
    core.sio.on("disconnect", _forgetting_limits(handlers["disconnect"]))
    for name in MESSAGES:
        core.sio.on(name, _own_page_only(handlers[name]))
    core.sio.eio.max_http_buffer_size = LONGEST


def credentials_of(sid: str) -> Credentials:
    """Return the credentials in a socket's own cookie, whichever page it names."""
    try:
        cookies = SimpleCookie(core.sio.get_environ(sid).get("HTTP_COOKIE", ""))
    except CookieError:
        return Credentials(None, "console")
    cookie = cookies.get(access.cookie_name())
    return Credentials(cookie.value if cookie else None, "console")


async def within_limits(sid: str) -> bool:
    """Count a message of a socket; above the limit the socket is closed and its further messages are ignored."""
    bucket = _buckets.get(sid)
    if bucket is None:
        return False
    if bucket.take():
        return True
    log.warning("socket closed: too many messages", extra={"socket": sid})
    await core.sio.disconnect(sid)
    return False


async def beat() -> None:
    """Tell each page with a connection that its server is there (ui/assets/alive.js); other sockets hear nothing."""
    pages = [client.id for client in list(Client.instances.values()) if client.has_socket_connection]
    if pages:  # no room would be every socket
        await core.sio.emit("beat", {}, room=pages)


def _close_unless_authenticated(connected: Handler) -> Handler:
    """Close a connection that does not authenticate in time, so that strangers cannot hold connections open."""

    async def guarded(connection: str, environ: dict[str, Any]) -> Any:
        background_tasks.create(_close_later(connection), name="sockets: close")
        return await connected(connection, environ)

    return guarded


async def _close_later(connection: str) -> None:
    await asyncio.sleep(PATIENCE)
    if core.sio.manager.sid_from_eio_sid(connection, "/") is not None:
        return
    # Not by the server's own `disconnect`: it waits until the client has read that it is to leave.
    if socket := core.sio.eio.sockets.pop(connection, None):
        await socket.close(wait=False, abort=True)


def _signed_in_only(connect: Handler) -> Handler:
    async def guarded(sid: str, environ: dict[str, Any], auth_data: object = None) -> None:
        try:
            await access.load(auth.authenticate, credentials_of(sid))
        except NotSignedIn:
            raise Refused(RELOAD) from None
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        if query.get("implicit_handshake") == "true" and not _has_page_session(sid, _page_of(query)):
            raise Refused(RELOAD)
        await connect(sid, environ, auth_data)
        _buckets[sid] = _Bucket()

    return guarded


def _same_session_only(handshake: Handler) -> Handler:
    async def guarded(sid: str, message: Any) -> bool:
        if not await within_limits(sid) or not _has_page_session(sid, _page_of(message)):
            return False
        return bool(await handshake(sid, message))

    return guarded


def _has_page_session(sid: str, client: Client | None) -> bool:
    """Return whether a socket and a page have the same session."""
    token = credentials_of(sid).token
    return client is not None and token is not None and token == client.request.cookies.get(access.cookie_name())


def _own_page_only(handler: Handler) -> Handler:
    async def guarded(sid: str, message: Any = None) -> None:
        client = _page_of(message)
        if not await within_limits(sid) or client is None or client.id not in core.sio.rooms(sid):
            return
        try:
            answer = handler(sid, message)
            if inspect.isawaitable(answer):
                await answer
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("malformed message ignored", extra={"socket": sid, "error": type(error).__name__})

    return guarded


def _forgetting_limits(disconnect: Handler) -> Handler:
    def guarded(sid: str, *reason: Any) -> None:
        _buckets.pop(sid, None)
        disconnect(sid)

    return guarded


def _page_of(message: Any) -> Client | None:
    name = message.get("client_id") if isinstance(message, dict) else None
    return Client.instances.get(name) if isinstance(name, str) else None
