"""HTTP to a server outside our control: answers are limited in bytes and seconds, and never decompressed."""

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx2

#: Far more than a provider's addresses or keys need.
MOST_BYTES: Final = 262_144
#: Seconds for a whole answer: one byte every few seconds would never time out otherwise.
MOST_SECONDS: Final = 15.0


class LimitedTransport(httpx2.HTTPTransport):
    """Reads whole answers within limits. Raises httpx2.TransportError beyond them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._sockets: list[socket.socket] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return its answer with the body read."""
        request.headers["Accept-Encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": self._note_socket}
        # A timeout limits each read; only cutting the connection limits headers that arrive byte after byte.
        cut = threading.Timer(MOST_SECONDS, self._cut)
        cut.daemon = True
        cut.start()
        try:
            return self._read(request)
        finally:
            cut.cancel()

    def _read(self, request: httpx2.Request) -> httpx2.Response:
        latest = time.monotonic() + MOST_SECONDS
        answer = super().handle_request(request)
        try:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise httpx2.ReadError("the answer is compressed, although the request did not allow it")
            body = bytearray()
            for part in answer.iter_raw():
                body += part
                if len(body) > MOST_BYTES or time.monotonic() > latest:
                    raise httpx2.ReadError("the answer is too long or too slow")
        finally:
            answer.close()
        # As bytes: a value need not be text.
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"transfer-encoding"]
        return httpx2.Response(answer.status_code, headers=headers, content=bytes(body))

    def _note_socket(self, event: str, details: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._sockets.append(details["return_value"].get_extra_info("socket"))

    def _cut(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # also below TLS, whose own method is not thread-safe
