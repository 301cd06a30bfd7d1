"""What a page's socket may do: drive its own page, with the session that opened the page, and not without end.

NiceGUI lets any socket drive any page whose id it knows. Here each message must come from a socket that has shaken
hands for that page, and a hand is shaken only with the session that the page was opened with.
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

#: Bytes of one message; the longest that the console's own pages send is a text in a form.
LONGEST = 200_000
#: Messages of one socket: so many at once, and so many in each second from then on. No hand is faster.
BURST, RATE = 400, 100
#: Seconds in which who opens a line has to say whose it is; a browser does it at once, in one breath with opening.
PATIENCE = 10.0
#: What a page's browser sends; all of it names the page.
MESSAGES = ("event", "javascript_response", "ack", "log")
#: NiceGUI's own word, at which a page loads itself anew: then who is not signed in comes to the sign-in page.
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
    """Put the guards in front of NiceGUI's handlers. Call it once per process, when NiceGUI has declared them."""
    handlers = core.sio.handlers["/"]
    core.sio.eio.on("connect", _cut_if_nobody_comes(core.sio.eio.handlers["connect"]))
    core.sio.on("connect", _when_signed_in(handlers["connect"]))
    core.sio.on("handshake", _with_the_same_session(handlers["handshake"]))
    core.sio.on("disconnect", _and_forget(handlers["disconnect"]))
    for name in MESSAGES:
        core.sio.on(name, _from_its_own_page(handlers[name]))
    core.sio.eio.max_http_buffer_size = LONGEST


def brought_by(sid: str) -> Credentials:
    """Return what a socket brought along to prove who it is: its own cookie, whichever page it names."""
    try:
        cookies = SimpleCookie(core.sio.get_environ(sid).get("HTTP_COOKIE", ""))
    except CookieError:
        return Credentials(None, "console")
    found = cookies.get(access.cookie_name())
    return Credentials(found.value if found else None, "console")


async def within_limits(sid: str) -> bool:
    """Count one more message of a socket; from too many on it is closed, and what it still sends is ignored."""
    bucket = _buckets.get(sid)
    if bucket is None:
        return False
    if bucket.take():
        return True
    log.warning("a socket that sent too much was closed", extra={"socket": sid})
    await core.sio.disconnect(sid)
    return False


def _cut_if_nobody_comes(opened: Handler) -> Handler:
    """Let a line live on only if somebody signed in has connected on it: strangers could hold lines without end."""

    async def guarded(line: str, environ: dict[str, Any]) -> Any:
        background_tasks.create(_cut_later(line), name="sockets: cut")
        return await opened(line, environ)

    return guarded


async def _cut_later(line: str) -> None:
    await asyncio.sleep(PATIENCE)
    if core.sio.manager.sid_from_eio_sid(line, "/") is None:
        await core.sio.eio.disconnect(line)


def _when_signed_in(connect: Handler) -> Handler:
    async def guarded(sid: str, environ: dict[str, Any], given: object = None) -> None:
        try:
            await access.load(auth.authenticate, brought_by(sid))
        except NotSignedIn:
            raise Refused(RELOAD) from None
        asked = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        if asked.get("implicit_handshake") == "true" and not _is_its_own(sid, _named(asked)):
            raise Refused(RELOAD)
        await connect(sid, environ, given)
        _buckets[sid] = _Bucket()

    return guarded


def _with_the_same_session(handshake: Handler) -> Handler:
    async def guarded(sid: str, message: Any) -> bool:
        if not await within_limits(sid) or not _is_its_own(sid, _named(message)):
            return False
        return bool(await handshake(sid, message))

    return guarded


def _is_its_own(sid: str, client: Client | None) -> bool:
    """Tell whether a socket and a page have the same session."""
    token = brought_by(sid).token
    return client is not None and token is not None and token == client.request.cookies.get(access.cookie_name())


def _from_its_own_page(handler: Handler) -> Handler:
    async def guarded(sid: str, message: Any = None) -> None:
        client = _named(message)
        if not await within_limits(sid) or client is None or client.id not in core.sio.rooms(sid):
            return
        try:
            answer = handler(sid, message)
            if inspect.isawaitable(answer):
                await answer
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("a malformed message was ignored", extra={"socket": sid, "error": type(error).__name__})

    return guarded


def _and_forget(disconnect: Handler) -> Handler:
    def guarded(sid: str, *reason: Any) -> None:
        _buckets.pop(sid, None)
        disconnect(sid)

    return guarded


def _named(message: Any) -> Client | None:
    name = message.get("client_id") if isinstance(message, dict) else None
    return Client.instances.get(name) if isinstance(name, str) else None
