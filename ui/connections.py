"""Connections: how long a request may take to arrive, and an answer to be read.

uvicorn's protocols have no such limits: a header without end, half a request or an unread answer would stay for ever.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ui import open_connections

#: Most bytes of a request without its body: request line, headers, chunk sizes and trailers.
MOST_HEAD_BYTES: Final = 32_768
#: Seconds for the headers, for the body after them, and for which a client may take nothing of its answer.
HEAD_SECONDS, BODY_SECONDS, UNREAD_SECONDS = 10.0, 60.0, 60.0
ARRIVING_SECONDS: Final = 0.5  # for a request on a connection without one, when the console stops
#: Requests that a client may send ahead of their answers. Browsers send none.
MOST_AHEAD: Final = 20


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol for HTTP, within the limits above."""

    _deadline: TimerHandle | None = None
    _unread: TimerHandle | None = None
    _head_bytes = 0
    _is_head_complete = False
    _refusal: HTTPStatus | None = None
    _is_handshake = False
    _is_last = False
    _is_stopping = False
    _is_upgrading = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        """Begin to wait for the first request; refuse a connection too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that each unread byte is noticed
        open_connections.enter(self.client)
        if open_connections.are_full(self.client, self.server_state):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._expect(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place to others."""
        open_connections.leave(self.client)
        self._stop_clocks()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, unless the client is over a limit."""
        if self.transport.is_closing() or self._refusal or self._is_last:
            return
        if self._deadline is None:
            self._expect(HEAD_SECONDS)
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MOST_HEAD_BYTES and not (self._refusal or self.transport.is_closing()):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of a request."""
        self._is_head_complete = False
        self._expect(HEAD_SECONDS)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to wait for the body. An exception in here becomes the refusal, see `send_400_response`."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD_BYTES:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        elif len(self.pipeline) >= MOST_AHEAD:
            self._refusal = HTTPStatus.TOO_MANY_REQUESTS
            self._close_after_answers()
        elif self.parser.should_upgrade():
            self._decide_upgrade()
        if self._refusal:
            raise ValueError(self._refusal.phrase)
        if not self._is_handshake:  # libraries would take the request for one
            self.headers[:] = [field for field in self.headers if field[0] != b"upgrade"]
        super().on_headers_complete()  # it raises for an address that it cannot read
        self._is_head_complete = True
        self._expect(BODY_SECONDS)
        if self._is_last or self._is_stopping:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count a part of the body, which the application limits, out of the head."""
        self._head_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop waiting: the request is complete."""
        self._head_bytes = 0
        self._is_head_complete = False  # of the next one
        self._expect(None)
        super().on_message_complete()

    def _decide_upgrade(self) -> None:
        """Decide what an upgrade, or CONNECT, is: a handshake, refused, or ignored in the last request that is read.

        The parser ends such a request with its headers, and would take its body for the next request.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT" or _has_body(self.headers):
            self._refusal = HTTPStatus.BAD_REQUEST
        protocols = [value.strip().lower() for name, value in self.headers if name == b"upgrade"]
        self._is_handshake = (method, version, protocols) == (b"GET", "1.1", [b"websocket"])
        self._is_last = not self._is_handshake

    def _should_upgrade(self) -> bool:
        return self._is_handshake

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: HTTP lets a server ignore an upgrade, and browsers' tools try it."""

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection, and its place, on to the protocol for websockets."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and not self._unread and _is_sent(self.cycle):
            self._is_upgrading = True
            self.flow.pause_reading()
            return
        # An answer that is not complete, or not read, would get into the websocket.
        if is_answering or self._unread:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        open_connections.leave(self.client)
        self._stop_clocks()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that breaks a limit, or that cannot be parsed, after all before it; then close."""
        if self._refusal is not HTTPStatus.TOO_MANY_REQUESTS:
            self._refuse(self._refusal or HTTPStatus.BAD_REQUEST)

    def on_response_complete(self) -> None:
        """Go on with the next request; after the last of those before a refused one, answer that."""
        is_last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if is_last and self._refusal:
            self._answer(self._refusal)
        elif self._is_upgrading:
            self._unset_keepalive_if_required()
            self.handle_websocket_upgrade()

    def shutdown(self) -> None:
        """Close after the answers; without a request, after a moment: one may come, and proxies do not repeat it."""
        self._is_stopping = True
        is_idle = not self.cycle or self.cycle.response_complete
        self.loop.call_later(is_idle * ARRIVING_SECONDS, super().shutdown)

    def _close_after_answers(self) -> None:
        """Answer the requests that came before one too many, and close the connection with the last of them."""
        self._expect(None)
        newest, _ = self.pipeline[0]
        newest.keep_alive = False
        newest.scope["headers"] = [*newest.scope["headers"], (b"connection", b"close")]

    def pause_writing(self) -> None:
        """Begin to wait for the client to read its answer."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting: the client has read everything so far."""
        super().resume_writing()
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def _expect(self, seconds: float | None) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._too_late) if seconds else None

    def _too_late(self) -> None:
        if self.flow.read_paused:  # our own pause, not the client's
            self._expect(BODY_SECONDS)
        elif self._is_head_complete and not self.pipeline and not self.cycle.response_complete:
            self.transport.close()  # the application sees that the client has left
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _stop_clocks(self) -> None:
        self._expect(None)
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def _refuse(self, status: HTTPStatus) -> None:
        """Refuse the request that is arriving, and read no more: those before it are answered first."""
        self._refusal = status
        self._expect(None)
        cycle, is_pending = self.cycle, self.cycle is not None and not self.cycle.response_complete
        if self._is_head_complete and self.pipeline:  # the rest of a request that waits was refused
            self.pipeline.popleft()
        elif is_pending and cycle.response_started and self._is_head_complete:
            self.transport.close()
        elif self._is_head_complete or not is_pending:
            if is_pending:  # the rest of this request was refused: the application sees that the client has left
                cycle.disconnected = True
                cycle.message_event.set()
            self._answer(status)

    def _answer(self, status: HTTPStatus) -> None:
        """Answer the refused request in the transport itself, and close the connection."""
        self.transport.write(refusal(status))
        self.transport.close()


def refusal(status: HTTPStatus) -> bytes:
    """Return the last answer of a connection, in which the client reads why."""
    text = f"{status.phrase}.\n"
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
    return f"{head}content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}".encode()


def _is_sent(cycle: RequestResponseCycle) -> bool:
    """Return whether a client has all bytes of an answer, though the application has not said that it is complete."""
    return bool(cycle.response_started and cycle.chunked_encoding is False and not cycle.expected_content_length)


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    fields = [(name, value.strip(b" \t0")) for name, value in headers]
    return any(name == b"transfer-encoding" or (name == b"content-length" and value) for name, value in fields)
