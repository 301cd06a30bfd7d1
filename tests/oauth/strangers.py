"""A provider that answers as a test tells it, and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.oauth import providers
from core.oauth.providers import OAuthProvider


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class Answer:
    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Waits before each byte of the body; it ends with the server.
    dripping: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Stranger:
    url: str
    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)

    def says(self, body: Any = None, status: int = 200, headers: dict[str, str] | None = None, **more: Any) -> None:
        """Answer every request so."""
        said = Answer({} if body is None else body, status, headers or {}, **more)
        self.answer = lambda _: said

    def in_place_of(self, platform: str) -> OAuthProvider:
        """Return a platform's provider with the addresses of this server; the paths and parameters stay."""
        real = providers._BY_PLATFORM[platform]

        def here(address: str) -> str:
            return self.url + address.removeprefix(f"https://{urlsplit(address).netloc}")

        exchange = real.exchange and replace(
            real.exchange,
            first=(here(real.exchange.first[0]), real.exchange.first[1]),
            again=(here(real.exchange.again[0]), real.exchange.again[1]),
        )
        revoke = real.revoke and here(real.revoke)
        return replace(real, token=here(real.token), profile=here(real.profile), revoke=revoke, exchange=exchange)


@contextmanager
def a_stranger() -> Iterator[Stranger]:
    """Run one on loopback until the block ends."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_DELETE(self) -> None:
            self._reply()

        def _reply(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(parse_qsl(body)), headers)
            stranger.asked.append(asked)
            answer = stranger.answer(asked)
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            try:
                for part in [bytes([each]) for each in answer.content] if answer.dripping else [answer.content]:
                    if answer.dripping and over.wait(0.1):
                        return
                    self.wfile.write(part)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stranger = Stranger(f"http://127.0.0.1:{server.server_port}", lambda _: Answer())
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield stranger
        finally:
            over.set()
            server.shutdown()
