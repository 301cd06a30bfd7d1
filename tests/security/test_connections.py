"""Strangers at the socket: headers without end, half requests, unread answers, and connections without number."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
import websocket

from core.settings import settings
from tests.repeats import mostly_slow
from tests.waiting import eventually
from ui import connections, open_connections
from ui.server import configuration

#: Seconds that stand for the minute, and for the ten seconds, of a console in earnest.
SHORT = 0.3
#: More than the operating system keeps for a client that does not read.
LONG_ANSWER = b"x" * 20_000_000

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


async def application(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Answer with the length of the body; with a long text; or with what a websocket says."""
    if scope["type"] == "websocket" and await receive() and scope["path"] == "/never":
        assert (await receive())["type"] == "websocket.disconnect"
        return
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        if scope["path"] == "/long":
            await send({"type": "websocket.send", "bytes": LONG_ANSWER})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    if scope["type"] == "http":
        await asyncio.sleep(2 * SHORT if scope["path"] == "/slow" else 0)
        length, more = 0, True
        while more:
            message = await receive()
            length, more = length + len(message.get("body", b"")), message.get("more_body", False)
        body = LONG_ANSWER if scope["path"] == "/long" else str(length).encode()
        body = str(dict(scope["headers"])).encode() if scope["path"] == "/headers" else body
        await send({**START, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(SHORT if scope["path"] == "/sent" else 0)  # the client has it all, the server does not know
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[uvicorn.Server, int]]:
    config = configuration(application, lifespan="off", log_config=None, timeout_keep_alive=SHORT)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listening]),))
        thread.start()
        eventually(lambda: server.started)
        yield server, listening.getsockname()[1]
        server.should_exit = server.force_exit = True
        thread.join()


@pytest.fixture
def port(served: tuple[uvicorn.Server, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return the port; each test begins and ends without connections."""
    server, port = served
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "UNREAD_SECONDS"):
        monkeypatch.setattr(connections, name, SHORT)
    yield port
    eventually(lambda: not server.server_state.connections and not open_connections._open)


@contextlib.contextmanager
def line(port: int, *parts: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        for part in parts:
            raw.sendall(part)
        yield raw


def answers(raw: socket.socket) -> bytes:
    """Return everything until the server closes the connection; it fails when the server does not."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := raw.recv(1_000_000):
            received += part
    return received


GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
#: Where a client may stop in the middle, and the beginning of the answer that ends its connection.
HALVES = {
    "nothing at all": (b"", b"HTTP/1.1 408 "),
    "half a request line": (b"GET /heal", b"HTTP/1.1 408 "),
    "half the headers": (GET + b"X-Slow: ", b"HTTP/1.1 408 "),
    "an empty line after an answer": (GET + b"\r\n", b"HTTP/1.1 200 "),
    "half a body": (POST + b"Content-Length: 10\r\n\r\n12345", b""),
    "half a chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n123", b""),
    "half a websocket handshake": (GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"HTTP/1.1 408 "),
}


@pytest.mark.parametrize("stop", HALVES)
def test_half_a_request_ends(port: int, stop: str) -> None:
    sent, answer = HALVES[stop]
    with line(port, sent) as raw:
        assert answers(raw)[: len(answer) or None] == answer


def test_a_client_that_sends_byte_after_byte_gains_no_time(port: int) -> None:
    with line(port, GET) as raw, contextlib.suppress(ConnectionError):
        raw.settimeout(SHORT / 10)
        for _ in range(100):
            raw.sendall(b"X")
            with contextlib.suppress(TimeoutError):
                if raw.recv(1_000).startswith(b"HTTP/1.1 408 "):
                    return
        raise AssertionError("the server waits for as long as bytes arrive")


#: Parts of a request that may go on for ever; each is sent 10,000 bytes at a time.
ENDLESS = {
    "one header": (GET + b"X-Long: ", b"x" * 10_000),
    "many headers": (GET, b"X: 1\r\n" * 1_666),
    "the address": (b"GET /", b"x" * 10_000),
    "a chunk's extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x" * 10_000),
    "trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ", b"x" * 10_000),
}


@pytest.mark.parametrize("part", ENDLESS)
def test_a_part_without_end_is_cut_at_32_kb(port: int, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    monkeypatch.setattr(connections, "BODY_SECONDS", 60)
    begin, more = ENDLESS[part]
    sent = 0
    with line(port, begin) as raw, contextlib.suppress(ConnectionError):
        while sent < 20_000_000:
            raw.sendall(more)
            sent += len(more)
    assert sent < 10_000_000  # what the operating system had taken before the connection was cut


def test_headers_too_large_are_named_even_if_they_arrive_at_once(port: int) -> None:
    with line(port, GET + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n") as raw:
        assert answers(raw).startswith(b"HTTP/1.1 431 ")


def test_a_large_body_is_no_header(port: int) -> None:
    body = b"x" * 900_000
    with line(port, POST + b"Content-Length: 900000\r\n\r\n", body) as raw:
        assert answers(raw).endswith(b"\r\n\r\n900000")


def test_an_answer_that_the_client_does_not_read_ends(served: tuple[uvicorn.Server, int], port: int) -> None:
    with line(port, b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        eventually(lambda: open_connections._open["127.0.0.1"] == 1)
        eventually(lambda: not served[0].server_state.connections)


def test_requests_sent_far_ahead_of_their_answers_end_the_connection(port: int) -> None:
    with line(port, (GET + b"\r\n") * 1_000) as raw:
        assert answers(raw).count(b"HTTP/1.1 200") < 100


def test_requests_before_one_too_many_are_answered_and_the_last_answer_says_that_it_is_the_last(port: int) -> None:
    with line(port, (GET + b"\r\n") * 50) as raw:
        received = answers(raw)
    assert received.count(b"HTTP/1.1 200") == connections.MOST_AHEAD + 1
    assert received.count(b"connection: close") == 1
    assert b"connection: close" in received[received.rindex(b"HTTP/1.1 200") :]


def test_one_address_has_a_limited_number_of_connections(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    monkeypatch.setattr(settings(), "connections_per_address", 3)
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(line(port)) for _ in range(3)]
        with line(port) as fourth:
            assert answers(fourth).startswith(b"HTTP/1.1 503 ")
        lines[0].close()
        eventually(lambda: open_connections._open["127.0.0.1"] == 2)
        with line(port, GET + b"\r\n") as next_one:
            assert next_one.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_websocket_counts_as_one_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "connections_per_address", 1)
    opened = websocket.create_connection(f"ws://127.0.0.1:{port}/", timeout=5)
    assert open_connections._open["127.0.0.1"] == 1
    with line(port) as other:
        assert answers(other).startswith(b"HTTP/1.1 503 ")
    opened.send("still here")
    assert opened.recv() == "still here"
    opened.close()


def test_all_addresses_together_have_a_limited_number(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_connections, "MOST_CONNECTIONS", 1)
    with line(port), line(port) as second:
        assert answers(second).startswith(b"HTTP/1.1 503 ")


def test_a_proxy_stands_for_all_its_visitors(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "connections_per_address", 1)
    monkeypatch.setattr(settings(), "proxies", "127.0.0.0/8")
    with line(port), line(port, GET + b"\r\n") as second:
        assert second.recv(100).startswith(b"HTTP/1.1 200 ")


def test_an_answer_may_take_longer_than_its_request(port: int) -> None:
    with line(port, b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n") as raw:
        assert answers(raw).startswith(b"HTTP/1.1 200 ")


#: A request that is refused, and the answer that says so.
REFUSED = {
    "no request at all": (b"NO SUCH\x00\r\n\r\n", b"HTTP/1.1 400 "),
    "a byte that begins no request": (b"\x00", b"HTTP/1.1 400 "),
    "headers too large": (GET + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
    "half a request": (GET + b"X-Slow: ", b"HTTP/1.1 408 "),
    "an address without end": (GET.replace(b"/healthz", b"http://[::1") + b"\r\n", b"HTTP/1.1 400 "),
}


@pytest.mark.parametrize("bad", mostly_slow(REFUSED, fast=2))
@pytest.mark.parametrize("before", ["/healthz", "/slow"])
def test_good_requests_before_a_refused_one_are_answered_first(port: int, bad: str, before: str) -> None:
    refused, answer = REFUSED[bad]
    good = GET.replace(b"/healthz", before.encode()) + b"\r\n"
    with line(port, good * 3 + refused) as raw:
        received = answers(raw)
    assert received.count(b"HTTP/1.1 200 ") == 3
    assert received.count(b"HTTP/1.1 ") == 4
    assert answer in received[received.rindex(b"HTTP/1.1 200 ") :]


@pytest.mark.parametrize("bad", [b"NO SUCH\x00\r\n\r\n", b"\x00"])
def test_a_refused_request_behind_a_slow_one_is_not_parsed_any_further(port: int, bad: bytes) -> None:
    slow = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with line(port, slow + bad, GET + b"\r\n") as raw:
        received = answers(raw)
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_a_body_that_breaks_off_behind_a_good_request_ends_the_connection_after_its_answer(port: int) -> None:
    chunk = POST + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n"
    with line(port, GET + b"\r\n" + chunk) as raw:
        received = answers(raw)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in received


HANDSHAKE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_a_websocket_behind_a_request_without_an_answer_is_refused_after_it(port: int) -> None:
    slow = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with line(port, slow + GET + HANDSHAKE) as raw:
        received = answers(raw)
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_a_websocket_behind_an_answer_that_its_client_has_is_opened(port: int) -> None:
    with line(port, b"GET /sent HTTP/1.1\r\nHost: localhost\r\n\r\n") as raw:
        assert raw.recv(1_000).endswith(b"\r\n\r\n0") or raw.recv(1) == b"0"
        raw.sendall(GET + HANDSHAKE)
        assert raw.recv(1_000).startswith(b"HTTP/1.1 101 ")
        eventually(lambda: len(open_connections._open) == 1)
        raw.sendall(b"\x81\x85\0\0\0\0still")
        raw.settimeout(3 * SHORT)  # longer than an idle connection is kept
        assert raw.recv(100) == b"\x81\x05still"
        with pytest.raises(TimeoutError):
            raw.recv(1)


def test_a_body_that_comes_too_late_behind_a_slow_request_takes_no_answer_with_it(port: int) -> None:
    slow = POST.replace(b"/ ", b"/slow ") + b"Content-Length: 0\r\n\r\n"
    half = POST + b"Content-Length: 10\r\n\r\n12345"
    with line(port, slow * 2 + half) as raw:
        received = answers(raw)
    assert received.count(b"HTTP/1.1 200 ") == 2
