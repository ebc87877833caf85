"""Bytes on a connection, as no well-meant client would send them."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from urllib.parse import urlsplit

SOCKET = "/api/v1/web/socket"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, base_url: str) -> Raw:
        parts = urlsplit(base_url)
        assert parts.hostname
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_to_end(self, timeout_s: float = 10) -> bytes:
        """Return everything that comes until the service closes the connection."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.reader.read()
        except ConnectionError:
            return b""

    async def read_head(self, timeout_s: float = 10) -> bytes:
        async with asyncio.timeout(timeout_s):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def close(self) -> None:
        self.writer.transport.abort()

    async def upgrade(self, path: str = SOCKET, **headers: str) -> bytes:
        """Ask for a web socket; return the head of the answer."""
        key = base64.b64encode(os.urandom(16)).decode()
        wanted = {
            "Host": "127.0.0.1",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in wanted.items())
        await self.send(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
        return await self.read_head()


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """Return a client's frame (RFC 6455, 5.2), masked with zeros."""
    first = (0x80 if is_last else 0) | opcode
    if len(payload) < 126:
        head = struct.pack("!BB", first, 0x80 | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, len(payload))
    return head + b"\x00\x00\x00\x00" + payload
