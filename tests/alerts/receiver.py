"""A program that is told of alerts and events, over HTTP on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads
from threading import Thread
from typing import Any

from core.settings import settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """What came in, and what is answered: a status for each request, the last one for all others."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [204])
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    @property
    def said(self) -> list[Any]:
        """The bodies as JSON."""
        return [loads(body) for body in self.bodies]

    def take(self, headers: dict[str, str], body: str) -> int:
        self.headers.append(headers)
        self.bodies.append(body)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Start a receiver."""
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            status = told.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/hook-4c1f"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()


def set_ways(monkeypatch: Any, **values: str) -> None:
    """Set where alerts and events go, for this process."""
    for name, value in values.items():
        monkeypatch.setenv(f"UNSTUCK_{name.upper()}", value)
    settings.cache_clear()


def json_way(told: Receiver) -> str:
    """Return the address by which apprise posts to a receiver."""
    return told.url.replace("http://", "json://")
