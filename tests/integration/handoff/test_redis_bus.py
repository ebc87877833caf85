"""The bus over a real Redis: processes hear each other, and Redis may go and come back."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from handoff.bus import RESYNC, RedisBus


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def redis_server(port: int) -> AsyncIterator[None]:
    binary = shutil.which("redis-server")
    assert binary, "redis-server is missing (Debian: apt-get install redis-server)"
    process = await asyncio.create_subprocess_exec(
        binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
def port() -> int:
    return _free_port()


async def _started(port: int) -> RedisBus:
    bus = RedisBus(f"redis://127.0.0.1:{port}")
    await bus.start()
    return bus


async def test_processes_hear_each_other_once_and_in_order(port: int) -> None:
    async with redis_server(port):
        one, two = await _started(port), await _started(port)
        async with one.subscribe("a") as here, two.subscribe("a") as there, two.subscribe("b") as other:
            assert await there.get_within(5) == RESYNC
            assert await here.get_within(5) == RESYNC
            for number in range(20):
                await one.publish("a", {"n": number})
            assert [(await here.get())["n"] for _ in range(20)] == list(range(20))
            assert [(await there.get_within(5) or {})["n"] for _ in range(20)] == list(range(20))
            assert await here.get_within(0.2) is None
            assert await other.get_within(0.01) == RESYNC
            assert await other.get_within(0.01) is None
        await one.close()
        await two.close()


async def test_redis_gone_and_back(port: int) -> None:
    async with redis_server(port):
        one, two = await _started(port), await _started(port)
        async with two.subscribe("a") as there:
            assert await there.get_within(5) == RESYNC
    async with one.subscribe("a") as here:
        await one.publish("a", {"n": 1})
        assert await here.get_within(1) == {"n": 1}, "this process goes on without Redis"
        async with redis_server(port), two.subscribe("a") as there:
            assert await there.get_within(10) == RESYNC
            assert await here.get_within(10) == RESYNC
            await one.publish("a", {"n": 2})
            # What could not be told while it was away makes everybody look once more.
            heard = await there.get_within(5)
            while heard == RESYNC:
                heard = await there.get_within(5)
            assert heard == {"n": 2}
    await one.close()
    await two.close()
