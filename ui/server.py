"""Listening and serving: the port is taken before anything else is started, and given up last."""

import socket

import uvicorn
from fastapi import FastAPI

from core.errors import Unusable
from core.settings import settings
from ui.headers import LOOPBACK

#: Seconds that open pages get to say good-bye when the console stops.
GOODBYE = 3


def listen(host: str, port: int, *, own_key: bool) -> socket.socket:
    """Take the port. Raises Unusable when somebody else has it, or when it is open to others without a key of its own.

    `own_key` says that a person set UNSTUCK_SECRET_KEY, rather than the program.
    """
    if host not in LOOPBACK and host != "::1" and not own_key:
        raise Unusable(f"{host} is more than this machine: set UNSTUCK_SECRET_KEY first, and UNSTUCK_PUBLIC_URL.")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise Unusable(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port.") from None
    return listening


def serve_until_stopped(application: FastAPI, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    proxies = settings().proxies
    config = uvicorn.Config(
        application,
        log_config=None,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GOODBYE,
        server_header=False,
        # Left to itself, uvicorn believes whoever comes from this machine, and limits count by address.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
    )
    uvicorn.Server(config).run(sockets=[listening])
