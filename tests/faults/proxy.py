"""A TCP proxy before a server on a unix socket, through which a test breaks the network between worker and server.

up          passes everything on
cut         resets every connection, and refuses new ones
stall       passes nothing on; once it is up again, what was held arrives, as after a lost packet
blackhole   swallows everything; a connection that lost a byte stays silent for ever, as behind a forgetful firewall
slow        passes everything on after `delay` seconds
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

Mode = Literal["up", "cut", "stall", "blackhole", "slow"]

#: Bytes that are passed on at once.
CHUNK = 65_536
#: Seconds between two checks whether a stalled proxy is up again.
PAUSE = 0.02

Pair = tuple[asyncio.StreamWriter, asyncio.StreamWriter]


class Proxy:
    """Listens on a free port of 127.0.0.1 and connects to `target`, in a thread of its own, until the block ends."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._mode: Mode = "up"
        self._live: set[Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.delay = 0.05
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._done = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()
        self._loop.close()

    @property
    def mode(self) -> Mode:
        """What the proxy does with bytes now."""
        return self._mode

    def be(self, mode: Mode) -> None:
        """Change the mode, for living connections too."""
        self._mode = mode
        if mode == "cut":
            self.reset()

    def lead_to(self, target: Path) -> None:
        """Connect new connections to another server, as an address does that moves; living ones stay where they are."""
        self._target = target

    def reset(self) -> None:
        """Reset every connection that lives now, whatever the mode."""
        self._run(self._reset())

    def _run(self, change: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(change, self._loop).result(5)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pair, sock=self._listening)
        await self._done.wait()
        server.close()
        await self._reset()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await task

    async def _reset(self) -> None:
        for pair in list(self._live):
            for writer in pair:
                writer.transport.abort()

    async def _pair(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self._live.add(pair)
        lost = asyncio.Event()
        try:
            await asyncio.gather(self._pump(reader, far_writer, lost), self._pump(far_reader, writer, lost))
        finally:
            self._live.discard(pair)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if await self._may_pass(lost):
                    writer.write(data)
                    await writer.drain()
        writer.close()

    async def _may_pass(self, lost: asyncio.Event) -> bool:
        while self._mode == "stall":
            await asyncio.sleep(PAUSE)
        if self._mode == "slow":
            await asyncio.sleep(self.delay)
        if self._mode == "blackhole":
            lost.set()
        return not lost.is_set()
