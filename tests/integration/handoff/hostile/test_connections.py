"""Connections that are slow, idle, endless or a thousand: they end, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from handoff.testing import FakeBot
from tests.integration.handoff.conftest import Running, make_settings, running_service
from tests.integration.handoff.hostile.raw import BINARY, CONTINUATION, PING, TEXT, Raw, frame

MEGABYTE = 1024 * 1024
HEAD = (
    b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)


@pytest.fixture
async def service(tmp_path: Path, bot: FakeBot) -> AsyncIterator[Running]:
    settings = make_settings(tmp_path, sockets_per_address=40, sockets_per_conversation=3)
    async with running_service(settings, bot) as running:
        yield running


async def measure_answer_s(service: Running, times: int = 5) -> float:
    """Return how long a customer waits for an answer, at the median."""
    customer = await service.open_customer()
    waits = []
    for number in range(times):
        began = time.perf_counter()
        await customer.say(f"hello {number}")
        assert await customer.hear("bot", 20) == f"echo: hello {number}"
        waits.append(time.perf_counter() - began)
    await customer.disconnect()
    return sorted(waits)[times // 2]


async def until(is_so: Callable[[], bool], timeout_s: float = 15) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_so():
            await asyncio.sleep(0.05)


async def all_of(work: list[Awaitable[bytes]]) -> list[bytes]:
    return list(await asyncio.gather(*work))


async def test_slow_heads_and_idle_connections_end_and_a_customer_is_served_meanwhile(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.connections.HEAD_WITHIN_S", 8.0)
    alone_s = await measure_answer_s(service)
    slow = [await Raw.open(service.base_url) for _ in range(200)]
    for number, connection in enumerate(slow):
        if number % 4:
            await connection.send(b"GET / HTTP/1.1\r\nX-a: b\r\n")

    async def trickle() -> None:
        while True:
            await asyncio.sleep(0.5)
            for number, connection in enumerate(slow):
                if number % 4 and not connection.writer.is_closing():
                    connection.writer.write(b"X-c: d\r\n")

    trickling = asyncio.create_task(trickle())
    among_s = await measure_answer_s(service)
    # Generous: other work on the machine slows both.
    assert among_s < 10 * alone_s + 0.25
    ends = await all_of([connection.read_to_end(60) for connection in slow])
    trickling.cancel()
    assert set(ends) == {b""}


async def test_further_request_on_a_connection_has_the_same_time(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.connections.HEAD_WITHIN_S", 0.5)
    connection = await Raw.open(service.base_url)
    await connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in await connection.read_head()
    await connection.send(b"\r\n")
    assert b"HTTP" not in await connection.read_to_end()


async def test_slow_body_ends(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handoff.connections.BODY_WITHIN_S", 0.5)
    connection = await Raw.open(service.base_url)
    await connection.send(HEAD + b'{"email')
    assert b" 500 " not in await connection.read_to_end()


async def test_endless_head_is_refused(service: Running) -> None:
    connection = await Raw.open(service.base_url)
    await connection.send(b"GET / HTTP/1.1\r\nX-a: " + b"b" * 40_000)
    assert b" 431 " in await connection.read_to_end()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v1/web/socket\xff HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-a: b\r\n\tfolded\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_or_dropped(service: Running, request_bytes: bytes) -> None:
    connection = await Raw.open(service.base_url)
    await connection.send(request_bytes)
    connection.writer.write_eof()
    answer = await connection.read_to_end(30)
    assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
    assert b"Traceback" not in answer


async def test_caller_who_never_reads_is_let_go(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handoff.connections.READ_WITHIN_S", 0.5)
    monkeypatch.setattr("handoff.connections.FLUSH_WITHIN_S", 0.5)
    connection = await Raw.open(service.base_url)
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    connection.writer.write(b"GET /widget.js HTTP/1.1\r\nHost: x\r\n\r\n" * 400)

    def is_given_up() -> bool:
        # What is written on it is no longer taken.
        connection.writer.write(b"\r\n")
        return connection.reader.exception() is not None

    await until(is_given_up)
    await connection.close()


async def test_sockets_of_one_address_are_limited_and_free_again(service: Running) -> None:
    """A thousand from one address: 40 stay, the others are told to wait, memory stays flat."""
    process = psutil.Process()
    alone_s = await measure_answer_s(service)
    before = process.memory_info().rss
    sockets = service.services.limits.address_sockets
    opened: list[Raw] = []
    refused = 0
    for _ in range(1000):
        connection = await Raw.open(service.base_url)
        head = await connection.upgrade()
        if b" 101 " in head:
            opened.append(connection)
            continue
        refused += 1
        assert sockets.total <= 40
        assert b" 429 " in head, head
        assert b"retry-after: " in head.lower()
        await connection.close()
    # More than 40 in turn: who says no hello is let go in the meantime.
    assert refused >= 800
    assert process.memory_info().rss - before < 40 * MEGABYTE
    for connection in opened:
        await connection.close()
    await until(lambda: sockets.total == 0)
    service.services.limits.handshakes._buckets.clear()
    assert await measure_answer_s(service) < 10 * alone_s + 0.25


async def test_sockets_of_one_conversation_are_limited(service: Running) -> None:
    customer = await service.open_customer()
    for _ in range(2):
        await customer.connect()
    refused = await customer.connect()
    assert (refused["code"], refused["retry_after_s"]) == ("rate_limited", 30)
    await customer._socket.wait_closed()
    assert customer._socket.close_code == 4429


@pytest.mark.parametrize(
    "path",
    ["/", "/demo", "/api/v1/queue", "/console/", "/console/assets/x", "/console/_nicegui/x", "/metrics"],
)
async def test_there_are_no_sockets_elsewhere(service: Running, path: str) -> None:
    connection = await Raw.open(service.base_url)
    assert b" 403 " in await connection.upgrade(path)
    await connection.close()


async def open_socket(service: Running) -> Raw:
    """Open a customer's socket and say hello."""
    customer = await service.open_customer(connect=False)
    connection = await Raw.open(service.base_url)
    assert b" 101 " in await connection.upgrade()
    hello = {"type": "hello", "conversation_id": customer.conversation_id, "token": customer.token}
    await connection.send(frame(TEXT, json.dumps(hello).encode()))
    async with asyncio.timeout(10):
        assert b'"ready"' in await connection.reader.read(4096)
    return connection


@pytest.mark.parametrize(
    ("flood", "code"),
    [
        # What is cut off in the middle may lose the close frame too.
        (frame(PING, b"x" * 100) * 40_000, None),
        (frame(TEXT, b"{", is_last=False) + frame(CONTINUATION, is_last=False) * 100_000, None),
        (frame(PING) * 150, 1008),
        (frame(TEXT, b"{", is_last=False) + frame(CONTINUATION, is_last=False) * 150, 1008),
        (frame(TEXT, b"x" * 65_537), None),
        (frame(TEXT, b"x" * 40_000, is_last=False) + frame(CONTINUATION, b"x" * 40_000), None),
        (struct.pack("!BBQ", 0x81, 0xFF, 2**62) + b"\x00" * 4, 1009),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(3, b"reserved"), 1002),
        (struct.pack("!BB", 0xC1, 0x80) + b"\x00" * 4, 1002),
        (b"\x81\x05hello", 1002),
        (frame(BINARY, b"\x00\x01") * 20, 4400),
    ],
)
async def test_socket_that_floods_or_breaks_the_protocol_is_closed(
    service: Running, flood: bytes, code: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other side does not answer the close.
    monkeypatch.setattr("handoff.connections.FLUSH_WITHIN_S", 1.0)
    connection = await open_socket(service)
    connection.writer.write(flood)
    received = await connection.read_to_end(30)
    if code is not None:
        assert re.search(rb"\x88." + re.escape(struct.pack("!H", code)), received, re.DOTALL), received[-80:]
    await connection.close()
    await until(lambda: service.services.limits.sockets.total == 0)


async def test_flood_of_frames_is_read_no_faster_than_it_is_dealt_with(service: Running) -> None:
    service.services.limits.frames._burst = 5.0
    process = psutil.Process()
    connection = await open_socket(service)
    before = process.memory_info().rss
    connection.writer.write(frame(TEXT, b'{"type":"ping"}') * 300_000)
    async with asyncio.timeout(30):
        received = await connection.reader.read(65536)
        while b"rate_limited" not in received:
            received += await connection.reader.read(65536)
    # Six megabytes are on their way; the buffers of both sides are all that is kept of them here.
    assert process.memory_info().rss - before < 30 * MEGABYTE
    assert await measure_answer_s(service, 1) < 5
    await connection.close()
