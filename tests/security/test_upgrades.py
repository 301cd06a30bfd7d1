"""Requests to change the protocol: only a websocket's handshake does, and no request hides in another one's body."""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn
import websocket
from websockets.protocol import State

from core.settings import settings
from tests.security.test_connections import GET, POST, SHORT, answers, application, line, port, served
from tests.waiting import eventually
from ui import connections, open_connections
from ui.server import configuration
from ui.websockets import BoundedWebSocket

__all__ = ["port", "served"]

HIDDEN = GET.replace(b"/healthz", b"/hidden") + b"\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
CONNECT = b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n"


def codes(received: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1.1 (\d+) ", received)]


def upgrade(protocol: bytes, connection: bytes = b"upgrade") -> bytes:
    return b"Connection: %b\r\nUpgrade: %b\r\n" % (connection, protocol)


#: The head and the body of a request whose body a parser may take for the next request.
BODIES = {
    "h2c": (POST + upgrade(b"h2c") + LENGTH, HIDDEN),
    "an unknown protocol": (POST + upgrade(b"foo") + LENGTH, HIDDEN),
    "TLS": (POST + upgrade(b"TLS/1.0") + LENGTH, HIDDEN),
    "two protocols": (POST + upgrade(b"websocket, h2c") + LENGTH, HIDDEN),
    "two headers": (POST + upgrade(b"websocket") + b"Upgrade: h2c\r\n" + LENGTH, HIDDEN),
    "one of several connection options": (POST + upgrade(b"h2c", b"keep-alive, Upgrade") + LENGTH, HIDDEN),
    "chunks": (POST + upgrade(b"h2c") + CHUNKED, CHUNK),
    "a GET": (GET + upgrade(b"h2c") + LENGTH, HIDDEN),
    "HTTP/1.0": (POST.replace(b"1.1", b"1.0") + upgrade(b"h2c") + LENGTH, HIDDEN),
    "a client that waits for its turn": (POST + upgrade(b"h2c") + b"Expect: 100-continue\r\n" + LENGTH, HIDDEN),
    "CONNECT": (CONNECT + LENGTH, HIDDEN),
    "CONNECT with a path": (CONNECT.replace(b"localhost:443", b"/login") + LENGTH, HIDDEN),
    "CONNECT in chunks": (CONNECT + CHUNKED, CHUNK),
    "a websocket": (GET + WEBSOCKET + KEY + LENGTH, HIDDEN),
    "a websocket in chunks": (GET + WEBSOCKET + KEY + CHUNKED, CHUNK),
    "a websocket by POST": (POST + WEBSOCKET + KEY + LENGTH, HIDDEN),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_is_never_the_next_request(port: int, case: str) -> None:
    head, body = BODIES[case]
    with line(port, head + b"\r\n") as raw:
        raw.settimeout(10 * SHORT)
        first = raw.recv(1_000)
        raw.sendall(body)
        assert codes(first + answers(raw)) == [400]


@pytest.mark.parametrize("case", BODIES)
def test_a_body_in_the_same_segment_is_never_the_next_request(port: int, case: str) -> None:
    head, body = BODIES[case]
    with line(port, GET + b"\r\n" + head + b"\r\n" + body) as raw:
        assert codes(answers(raw)) == [200, 400]


#: Requests without a body whose upgrade the console does not know: it may ignore that.
IGNORED = {
    "curl --http2": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "an empty body": POST + upgrade(b"h2c") + b"Content-Length: 0\r\n",
    "HEAD": GET.replace(b"GET", b"HEAD") + upgrade(b"h2c"),
    "two protocols": GET + upgrade(b"h2c, websocket") + KEY,
    "the same header twice": GET + WEBSOCKET + b"Upgrade: websocket\r\n" + KEY,
    "a websocket by POST": POST + WEBSOCKET + KEY,
    "a websocket of HTTP/1.0": GET.replace(b"1.1", b"1.0") + WEBSOCKET + KEY,
}


@pytest.mark.parametrize("case", IGNORED)
def test_an_upgrade_that_the_console_does_not_know_is_ignored_and_the_answer_says_that_it_is_the_last(
    port: int, case: str
) -> None:
    with line(port, IGNORED[case] + b"\r\n" + HIDDEN) as raw:
        received = answers(raw)
    assert codes(received) == [200]
    assert b"\r\nconnection: close\r\n" in received


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_the_application_does_not_hear_of_an_upgrade_that_is_ignored(port: int, version: bytes) -> None:
    head = (
        GET.replace(b"/healthz", b"/headers").replace(b"1.1", version) + b"Upgrade: websocket\r\nConnection: close\r\n"
    )
    with line(port, head + KEY + b"\r\n") as raw:
        received = answers(raw)
    assert codes(received) == [200]
    assert b"b'sec-websocket-key'" in received
    assert b"b'upgrade'" not in received


def test_requests_before_an_ignored_upgrade_are_answered_first(port: int) -> None:
    slow = GET.replace(b"/healthz", b"/slow") + b"\r\n"
    with line(port, slow + GET + upgrade(b"h2c") + b"\r\n", HIDDEN) as raw:
        assert codes(answers(raw)) == [200, 200]


#: Websocket handshakes that a browser, or another client, may send.
HANDSHAKES = {
    "as browsers send it": GET + WEBSOCKET + KEY,
    "Firefox": GET + upgrade(b"websocket", b"keep-alive, Upgrade") + KEY,
    "capitals": GET + upgrade(b"WebSocket") + KEY,
    "two connection headers": GET + WEBSOCKET + b"Connection: keep-alive\r\n" + KEY,
    "an empty body": GET + WEBSOCKET + KEY + b"Content-Length: 0\r\n",
}


@pytest.mark.parametrize("case", HANDSHAKES)
def test_a_handshake_opens_a_websocket(port: int, case: str) -> None:
    with line(port, HANDSHAKES[case] + b"\r\n") as raw:
        assert codes(raw.recv(1_000)) == [101]


#: Handshakes that HTTP allows and the protocol for websockets does not.
REFUSED = {
    "no key": (GET + WEBSOCKET + b"Sec-WebSocket-Version: 13\r\n", 400),
    "another version": (GET + WEBSOCKET + KEY.replace(b"13", b"12"), 400),
    "a long header": (GET + WEBSOCKET + KEY + b"X-Long: " + b"x" * 10_000 + b"\r\n", 400),
    "many headers": (GET + WEBSOCKET + KEY + b"X: 1\r\n" * 200, 400),
    "a long address": (GET.replace(b"/healthz", b"/" + b"x" * 10_000) + WEBSOCKET + KEY, 400),
    "an odd length": (GET + WEBSOCKET + KEY + b"Content-Length: 00\r\n", 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_handshake_is_answered(port: int, case: str) -> None:
    handshake, code = REFUSED[case]
    with line(port, handshake + b"\r\n") as raw:
        assert codes(answers(raw)) == [code]


def test_a_handshake_behind_an_answer_that_is_not_read_is_refused_after_it(
    served: tuple[uvicorn.Server, int], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 60)
    with line(port, GET.replace(b"/healthz", b"/long") + b"\r\n") as raw:
        eventually(lambda: [one for one in served[0].server_state.connections if one._unread])
        raw.sendall(GET + WEBSOCKET + KEY + b"\r\n")
        assert codes(answers(raw)) == [200, 400]


NEVER = GET.replace(b"/healthz", b"/never") + WEBSOCKET + KEY + b"\r\n"


def test_a_handshake_that_nothing_accepts_ends(port: int) -> None:
    with line(port, NEVER) as raw:
        assert codes(answers(raw)) == [503]


def test_bytes_before_the_answer_to_a_handshake_end_it(
    served: tuple[uvicorn.Server, int], port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    with line(port, NEVER) as raw:
        eventually(lambda: [one for one in served[0].server_state.connections if isinstance(one, BoundedWebSocket)])
        raw.sendall(b"\xff" * 100)
        assert codes(answers(raw)) == [400]
    assert not caplog.records


def test_a_text_that_is_not_utf_8_ends_the_websocket_and_is_no_error_in_the_log(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    opened = websocket.create_connection(f"ws://127.0.0.1:{port}/", timeout=5)
    opened.sock.sendall(b"\x81\x81\0\0\0\0\xff")  # one frame with one byte, masked with zeros
    assert opened.recv_data()[1][:2] == (1007).to_bytes(2, "big")
    opened.shutdown()
    assert not caplog.records


@pytest.mark.parametrize("last", ["nothing", "close"])
def test_a_websocket_that_the_client_does_not_read_ends(
    served: tuple[uvicorn.Server, int], port: int, last: str
) -> None:
    opened = websocket.create_connection(f"ws://127.0.0.1:{port}/long", timeout=5)
    if last == "close":
        opened.send_close()
    eventually(lambda: not served[0].server_state.connections)
    opened.shutdown()


def test_refused_handshakes_take_no_place(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "connections_per_address", 1)
    for case in REFUSED:
        with line(port, REFUSED[case][0] + b"\r\n") as raw:
            answers(raw)
    eventually(lambda: not open_connections._open)


async def run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until the stop, which does not wait for connections that are left."""
    try:
        await server.serve(sockets=[listening])
    finally:
        for left in list(server.server_state.connections):
            left.transport.abort()
        await asyncio.sleep(0)


def test_a_stop_ends_normally_whatever_a_websocket_is_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 60)
    server = uvicorn.Server(configuration(application, lifespan="off", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as thread:
        stopped = thread.submit(asyncio.run, run(server, listening))
        eventually(lambda: server.started)
        address = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        unread = websocket.create_connection(address + "long", timeout=5)
        unread.send_close()
        eventually(lambda: {open_one.conn.state for open_one in server.server_state.connections} == {State.CLOSING})
        other = websocket.create_connection(address, timeout=5)
        server.should_exit = server.force_exit = True
        stopped.result(timeout=10)
        assert other.recv_data()[1][:2] == (1012).to_bytes(2, "big")
        unread.shutdown()
        other.shutdown()
