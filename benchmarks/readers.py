"""Open pages that nobody paints: each speaks the browser's protocol, so that a hundred cost a measurement little CPU.

`python -m benchmarks.readers URL COOKIE PATH...` opens each path once, prints `open` and reads until its input ends.
"""

import ast
import asyncio
import json
import re
import sys
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp

Socket = aiohttp.ClientWebSocketResponse
#: Pages that are opened at the same time.
AT_ONCE = 5


async def main(url: str, cookie: str, *paths: str) -> None:
    """Open all pages, a few at a time, and read what they are sent."""
    few = asyncio.Semaphore(AT_ONCE)
    headers = {"Origin": url, "Cookie": f"unstuck_session={cookie}"}
    async with aiohttp.ClientSession(url, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as session:
        sockets = await asyncio.gather(*(_open(session, few, url, path) for path in paths))
        readers = [asyncio.create_task(_read(socket)) for socket in sockets]
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for reader in readers:
            reader.cancel()


async def _open(session: aiohttp.ClientSession, few: asyncio.Semaphore, url: str, path: str) -> Socket:
    async with few:
        async with session.get(path) as answer:
            query = ast.literal_eval(re.search(r"query: (\{.*?\}),", await answer.text())[1])  # type: ignore[index]
        socket = await session.ws_connect(_address(url, query), max_msg_size=0)
        await socket.receive_str()
        await socket.send_str("40")
        await socket.receive_str()
        await socket.send_str("42" + json.dumps(["jobs:join", {"client_id": query["client_id"]}]))
        return socket


async def _read(socket: Socket) -> None:
    """Read until the socket ends, and answer when engine.io asks whether it is alive."""
    async for message in socket:
        if message.data == "2":
            await socket.send_str("3")


def _address(url: str, query: dict[str, object]) -> str:
    own = {"tab_id": "t", "document_id": f"d-{query['client_id']}", "next_message_id": 0, "implicit_handshake": "true"}
    scheme, host, *_ = urlsplit(url)
    asked = urlencode({"EIO": 4, "transport": "websocket", **query, **own})
    return urlunsplit((scheme.replace("http", "ws"), host, "/_nicegui_ws/socket.io/", asked, ""))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
