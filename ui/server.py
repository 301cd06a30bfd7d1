"""Listening and serving: the program takes the port before it starts anything else, and releases it last."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any

import uvicorn
from fastapi import FastAPI

from core.errors import Unusable
from core.left_out import left_out
from core.settings import settings
from ui.connections import BoundedHttp
from ui.headers import LOOPBACK
from ui.websockets import BoundedWebSocket

with left_out("aiohttp", "requests", "valkey", "websocket"):  # for clients of Socket.IO, and for several servers of it
    from ui import sockets

#: Seconds that open pages get to disconnect when the console stops.
SHUTDOWN_SECONDS = 3


def listen(host: str, port: int, *, own_key: bool) -> socket.socket:
    """Take the port. Raises Unusable if it is in use, or if other machines can reach it and `own_key` is false.

    `own_key` says that a person set UNSTUCK_SECRET_KEY, instead of leaving it to the program.
    """
    if host not in LOOPBACK and host != "::1" and not own_key:
        raise Unusable(f"Other machines can reach {host}: set UNSTUCK_SECRET_KEY first, and UNSTUCK_PUBLIC_URL.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends answers at once (TCP_NODELAY) only on sockets that are said to be TCP; uvloop does on all.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise Unusable(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port with --port.") from None
    return listening


def address_of(host: str, port: int) -> str:
    """Return a URL that a browser on this machine opens, for a console that listens on this host and port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - these mean any address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configuration(application: Callable[..., Any], **options: Any) -> uvicorn.Config:
    """Return how the console is served, within limits for strangers too; `options` are uvicorn's own."""
    proxies = settings().proxies
    return uvicorn.Config(
        application,
        http=BoundedHttp,
        ws=BoundedWebSocket,
        ws_max_size=sockets.LONGEST,
        ws_per_message_deflate=False,
        server_header=False,
        # By default uvicorn trusts X-Forwarded-For from this machine, and rate limits count by address.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        **options,
    )


def serve_until_stopped(application: FastAPI, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    config = configuration(application, log_config=None, timeout_graceful_shutdown=SHUTDOWN_SECONDS)
    _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends normally after a signal; uvicorn would raise the signal once more when all is done."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to the signals that stop the server."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the connections that the operating system has accepted for us, which would be lost, and stop."""
        waiting = list(chain.from_iterable(map(_accepted, sockets or [])))
        for server in self.servers:
            server.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return BoundedHttp(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that wait to be taken from a listening socket, which does not block."""
    with suppress(BlockingIOError):
        while True:
            yield listening.accept()[0]
