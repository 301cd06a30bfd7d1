"""A real SMTP server on loopback that accepts, refuses, hangs, greylists, hangs up after DATA, or wants a sign-in."""

import asyncio
import threading
import warnings
from collections.abc import Coroutine
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from ssl import SSLContext
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "postmaster", "pass:w@rd/#1"


@dataclass
class Received:
    """One letter that the server had in full, whether or not it said so."""

    to: str
    content: bytes

    @property
    def message(self) -> Message:
        return message_from_bytes(self.content, policy=default)

    @property
    def message_id(self) -> str:
        return self.message["Message-ID"].strip()


@dataclass
class MailServer:
    """What the server does next, and what it has had. An answer that is None is the usual one."""

    port: int = 0
    on_mail: str | None = None
    on_rcpt: str | None = None
    on_data: str | None = None
    #: Only for addresses that begin so.
    only_for: str = ""
    #: Hang up after so many letters of a connection, with 421.
    most_per_connection: int = 0
    #: Hang up after an answer of `on_rcpt` or `on_data`.
    hangs_up: bool = False
    drops_after_data: bool = False
    hangs_at: str = ""
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    #: Recipients that were asked for, also refused ones.
    asked: list[str] = field(default_factory=list)
    was_encrypted: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"smtp://localhost:{self.port}"

    async def wait_if(self, stage: str) -> None:
        while self.hangs_at == stage and not self.released.is_set():
            await asyncio.sleep(0.02)

    def declines(self, server: Any, answer: str) -> str:
        if self.hangs_up:
            server.transport.write(f"{answer}\r\n".encode())
            server.transport.close()
        return answer

    # What aiosmtpd calls.

    async def handle_EHLO(self, server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]) -> Any:
        session.host_name, session.taken = hostname, 0
        self.connections += 1
        wrapped = server.transport.get_extra_info("ssl_object")
        self.was_encrypted |= session.ssl is not None or wrapped is not None
        await self.wait_if("EHLO")
        return responses

    async def handle_MAIL(self, _server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        await self.wait_if("MAIL")
        if self.most_per_connection and session.taken >= self.most_per_connection:
            return "421 4.7.0 Too many messages for one connection"
        if self.on_mail:
            return self.on_mail
        envelope.mail_from, envelope.mail_options = address, [*envelope.mail_options, *options]
        return "250 OK"

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        self.asked.append(address)
        if self.on_rcpt and address.startswith(self.only_for):
            return self.declines(server, self.on_rcpt.format(address=address))
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await self.wait_if("DATA")
        if self.on_data and envelope.rcpt_tos[0].startswith(self.only_for):
            return self.declines(server, self.on_data)
        self.received.append(Received(envelope.rcpt_tos[0], envelope.content))
        session.taken += 1
        if self.drops_after_data:
            server.transport.abort()
        return "250 OK"


class _Loop:
    """A server's own event loop, in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _signs_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
    is_right = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@contextmanager
def mail_server(*, tls: SSLContext | None = None, auth: bool = False, wrapped: SSLContext | None = None, port: int = 0):
    """Run a server on a port of its own. `tls`: it offers STARTTLS; `wrapped`: it speaks TLS from the start."""
    server = MailServer(port=port)
    options: dict[str, Any] = {"tls_context": tls, "timeout": 60}
    if auth:
        options |= {"authenticator": _signs_in, "auth_required": True, "auth_require_tls": tls is not None}
    home = _Loop()

    def line() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it advises against a sign-in without encryption
            return SMTP(server, hostname="localhost", enable_SMTPUTF8=True, loop=home.loop, **options)

    async def listen() -> asyncio.Server:
        return await home.loop.create_server(line, "127.0.0.1", port, ssl=wrapped)

    listening = home.run(listen())
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.released.set()
        home.run(_close(listening))
        home.end()
