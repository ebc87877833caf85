"""Connections that a stranger may keep open: bounded in time, in size and in what they make us do.

uvicorn has no time-out for a request's head or body, none for a caller who never reads, and no limit on the
size of a head. A proxy has all of that; this is for where there is none, and for what gets past one.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import BaseTransport, TimerHandle, Transport
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

HEAD_WITHIN_S = 10.0
BODY_WITHIN_S = 30.0
# A caller who takes less than the transport's 48 KB out of a full buffer within this time is let go.
READ_WITHIN_S = 30.0
# What has been answered is still sent for so long after the close.
FLUSH_WITHIN_S = 10.0
MAX_HEAD_BYTES = 32 * 1024

# A frame of the widget holds one message; the largest text takes 16 KB in UTF-8.
MAX_FRAME_BYTES = 64 * 1024
# Read at one go; what comes behind waits unparsed until the frames in it have been dealt with.
SLICE_BYTES = 4096
# Pings, pongs and fragments that a socket may send at once, and each second. Browsers send a pong every 20 s.
CONTROL_FRAMES = 100
CONTROL_FRAMES_PER_S = 5.0

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def make_server_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """Return how uvicorn serves strangers: with these protocols, and nothing told about itself."""
    return uvicorn.Config(
        app,
        http=GuardedHttpProtocol,
        ws=GuardedWebSocketProtocol,
        ws_max_size=MAX_FRAME_BYTES,
        # Every message is small, and unpacking is work that a stranger would set us.
        ws_per_message_deflate=False,
        # Whom to believe about a caller's address is decided in one place (context.py).
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
        **options,
    )


def end(transport: Transport) -> None:
    """Close a connection whose other side may not read: what can't be written is not waited for."""
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        transport.close()


class GuardedHttpProtocol(HttpToolsProtocol):
    """HTTP, with a time for each phase of a request and a size for its head."""

    transport: Transport
    _timer: TimerHandle | None = None
    _read_timer: TimerHandle | None = None
    _is_in_head = True
    _has_ended = False
    """Whether the bytes received last held the end of a request: they are no head alone."""
    _head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEAD_WITHIN_S)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head and self._timer is None:
            # The first bytes of a further request on this connection.
            self._wait(HEAD_WITHIN_S)
        self._has_ended = False
        super().data_received(data)
        if self._has_ended or not self._is_in_head:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            self._wait(FLUSH_WITHIN_S)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._wait(BODY_WITHIN_S)
        if not self.url.isascii():
            # No URL has other bytes (RFC 3986); the protocols of web sockets would fail on them.
            raise ValueError("the target is not ASCII")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_in_head = True
        self._has_ended = True
        self._rest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait(FLUSH_WITHIN_S)

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._wait(FLUSH_WITHIN_S)

    def handle_websocket_upgrade(self) -> None:
        self._rest()
        _cancel(self._read_timer)
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        end(self.transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read_timer = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._read_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        _cancel(self._read_timer)
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        _cancel(self._timer)
        self._timer = self.loop.call_later(seconds, self._expire)

    def _rest(self) -> None:
        _cancel(self._timer)
        self._timer = None

    def _expire(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
        else:
            end(self.transport)


class GuardedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Web sockets that read no faster than their frames are dealt with, and end when nobody reads them."""

    transport: Transport
    _read_timer: TimerHandle | None = None
    _unparsed = b""
    _control_frames = float(CONTROL_FRAMES)
    _counted_at = 0.0

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self._counted_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        self._parse()

    def _parse(self) -> None:
        """Parse a slice at a time as long as no frame waits for the application."""
        while self._unparsed and (self.queue.empty() or self.close_sent):
            if self.transport.is_closing():
                self._unparsed = b""
                return
            data, self._unparsed = self._unparsed[:SLICE_BYTES], self._unparsed[SLICE_BYTES:]
            super().data_received(data)

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        self._parse()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self.writable.is_set():
                self.transport.resume_reading()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent and self._read_timer is None:
            # The other side's close may be among what has waited.
            self._parse()
            self._read_timer = self.loop.call_later(FLUSH_WITHIN_S, self.transport.abort)

    def handle_ping(self) -> None:
        if self._is_allowed():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._is_allowed():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        # Empty ones are never too large together: they would be kept without end.
        if self._is_allowed():
            super().handle_cont(event)

    def _is_allowed(self) -> bool:
        """Count one frame that the application does not see; end the socket when there are too many."""
        now = time.monotonic()
        earned = (now - self._counted_at) * CONTROL_FRAMES_PER_S
        self._control_frames = min(float(CONTROL_FRAMES), self._control_frames + earned) - 1
        self._counted_at = now
        if self._control_frames >= 0:
            return True
        if not self.close_sent:
            self.conn.fail(1008, "too many frames")
            self.handle_parser_exception()
        self._unparsed = b""
        return False

    def pause_writing(self) -> None:
        super().pause_writing()
        # Whoever does not read is not read either: answers to pings would pile up.
        self.transport.pause_reading()
        self._read_timer = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._read_timer)
        self._read_timer = None
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._read_timer = self.loop.call_later(FLUSH_WITHIN_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._read_timer)
        self._unparsed = b""
        super().connection_lost(exc)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
