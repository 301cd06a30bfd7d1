"""Connections below the pages' sockets: one that names no person lasts seconds, not for ever."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
import websocket
from engineio.async_socket import AsyncSocket

from tests.security.test_sockets import COOKIE, Site, collected, site
from ui import sockets

__all__ = ["collected", "site"]

#: The message of Engine.IO before it closes a connection.
CLOSE = "1"
# The library does the same with a connection that was cut.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@contextmanager
def line(site: Site, token: str | None) -> Iterator[websocket.WebSocket]:
    way = site.url.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    raw = websocket.create_connection(way, origin=site.url, cookie=token and f"{COOKIE}={token}", timeout=20)
    yield raw
    raw.close()


def next_message(raw: websocket.WebSocket) -> str:
    """Return the next message, or "" at the end of the connection; pings are answered as a patient stranger would."""
    for _ in range(3):
        if (message := raw.recv()) != "2":
            return "" if message == CLOSE else message
        raw.send("3")
    raise AssertionError("three pings were answered, and the line is still there")


#: What strangers say before they do nothing but answer pings.
TRIES: tuple[list[str], ...] = ([], ["40"], ["40", "40{}", '42["event",{}]'])


@pytest.mark.slow
def test_strangers_who_answer_every_ping_are_cut_off(site: Site) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(line(site, None)) for _ in TRIES]
        for raw, tries in zip(lines, TRIES, strict=True):
            assert next_message(raw).startswith("0{")
            for message in tries:
                raw.send(message)
        for raw in lines:
            assert [message for message in iter(lambda raw=raw: next_message(raw), "") if message[:2] != "44"] == []


def test_a_stranger_who_asks_once_and_never_reads_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PATIENCE", 0)
    server = sockets.core.sio.eio

    async def come_and_go() -> None:
        server.sockets["stranger"] = AsyncSocket(server, "stranger")
        await asyncio.wait_for(sockets._close_later("stranger"), 5)

    with ThreadPoolExecutor(1) as thread:  # a browser test may have left a loop in this one
        thread.submit(asyncio.run, come_and_go()).result()
    assert "stranger" not in server.sockets


def test_a_signed_in_person_keeps_the_connection(site: Site) -> None:
    with line(site, site.sign_in(site.person())) as raw, line(site, None) as other:
        assert next_message(raw).startswith("0{")
        raw.send("40")
        assert next_message(raw).startswith("40{")
        assert [next_message(other)[:2], next_message(other)] == ["0{", ""]
        raw.send("42" + '["jobs:join",{}]')
        raw.ping()
        assert raw.connected
