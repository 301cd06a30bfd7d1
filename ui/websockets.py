"""Websockets within limits: a handshake has ten seconds and an answer, and unread bytes end the connection."""

from asyncio import TimerHandle, Transport
from contextlib import suppress
from http import HTTPStatus

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from ui import connections, open_connections


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol for websockets; each counts as a connection. Pings end those that do not answer."""

    _deadline: TimerHandle | None = None
    _unread: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # BaseTransport in uvicorn
        """Take the place that the HTTP protocol has left, and begin to wait for the application to accept."""
        super().connection_made(transport)
        open_connections.enter(self.client)
        self._deadline = self.loop.call_later(connections.HEAD_SECONDS, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place to others."""
        open_connections.leave(self.client)
        for clock in (self._deadline, self._unread):
            if clock:
                clock.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and answer a handshake that cannot be parsed: uvicorn leaves it open."""
        if self.handshake_initiated and not self.handshake_complete:  # a client waits for the answer to its handshake
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        super().data_received(data)
        if self.conn.handshake_exc and not self.transport.is_closing():
            self._refuse(HTTPStatus.BAD_REQUEST)

    def send_receive_event_to_app(self) -> None:
        """Pass a message on, or end a websocket whose text is not UTF-8: uvicorn would log a traceback."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read; a close, and the end of pings, would wait for it too."""
        super().pause_writing()
        self._unread = self.loop.call_later(connections.UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting: the client has read everything so far."""
        super().resume_writing()
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def shutdown(self) -> None:
        """Close the websocket when the console stops. It never raises: uvicorn would close no further connection."""
        with suppress(Exception):  # of a websocket that is being closed already
            super().shutdown()
        self.transport.close()

    def _too_late(self) -> None:
        if not self.handshake_complete:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer a handshake in the transport itself, and close; the application sees that the client has left."""
        self.handshake_complete = self.close_sent = self.disconnected = True
        self.transport.write(connections.refusal(status))
        self.transport.close()
