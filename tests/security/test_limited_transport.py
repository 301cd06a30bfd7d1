"""Requests to another organisation's server: no redirect, no packed answer, no endless one."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import SimpleNamespace

import httpx2
import pytest

from core import limited_transport
from core.people import oidc


class Hostile(BaseHTTPRequestHandler):
    """Answers as its path says, and notes each requested path."""

    requested: list[str]

    def do_GET(self) -> None:
        self.requested.append(self.path)
        packed = self.path == "/packed"
        body = gzip.compress(b"0" * 10_000_000, 1) if packed else b"x" * 1_000
        self.send_response(302 if self.path == "/elsewhere" else 200)
        self.send_header("Location", "/secret")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    requested: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Noting", (Hostile,), {"requested": requested})) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requested
        server.shutdown()


def test_a_provider_s_redirect_is_not_followed(server: tuple[str, list[str]]) -> None:
    url, requested = server
    with oidc._client() as client:
        assert client.get(f"{url}/elsewhere", auth=None).status_code == 302
    assert requested == ["/elsewhere"]


def test_an_unrequested_packed_answer_is_refused_before_it_is_unpacked(server: tuple[str, list[str]]) -> None:
    with oidc._client() as client, pytest.raises(httpx2.ReadError, match="compressed"):
        client.get(f"{server[0]}/packed", auth=None)


def test_an_answer_that_takes_for_ever_is_given_up(
    server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(step=limited_transport.MOST_SECONDS + 1)
    monkeypatch.setattr(limited_transport, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    with oidc._client() as client, pytest.raises(httpx2.ReadError, match="too long"):
        client.get(f"{server[0]}/slow", auth=None)
