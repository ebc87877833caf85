"""A hundred thousand frames and bodies that no widget sends: a clear error or nothing, and no trace."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import websockets
from fastapi import FastAPI

from handoff.channels.web.errors import InvalidFrameError
from handoff.channels.web.payloads import parse_frame
from handoff.channels.web.socket import PATH
from handoff.testing import FakeBot
from tests.customer import Customer
from tests.integration.handoff.conftest import Running, make_settings, running_service
from tests.integration.handoff.hostile.fuzz import BASES, OPENINGS, make_frames

SEED = 20261122
MEGABYTE = 1024 * 1024
# A tenth of them are pings and receipts that are none; nothing here is to be stopped for its number.
NO_LIMITS = {
    "messages_per_minute": 0,
    "conversations_per_minute": 0,
    "address_messages_per_minute": 0,
    "frames_per_minute": 0,
    "sockets_per_address": 0,
    "sign_ins_per_minute": 0,
}


@pytest.fixture
async def service(tmp_path: Path, bot: FakeBot) -> AsyncIterator[Running]:
    async with running_service(make_settings(tmp_path, **NO_LIMITS), bot) as running:
        yield running


@pytest.fixture(autouse=True)
def unlogged(caplog: pytest.LogCaptureFixture) -> Any:
    """Nothing of what a stranger sends is an error of ours."""
    yield
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []


def test_hundred_thousand_frames_are_frames_or_named_errors() -> None:
    process = psutil.Process()
    counts = {"frames": 0, "errors": 0}

    def parse(frames: Iterator[str | bytes]) -> None:
        for raw in frames:
            try:
                parse_frame(raw)
                counts["frames"] += 1
            except InvalidFrameError:
                counts["errors"] += 1

    parse(make_frames(SEED, 10_000))
    gc.collect()
    before = process.memory_info().rss
    parse(make_frames(SEED + 1, 90_000))
    gc.collect()
    assert sum(counts.values()) == 100_000
    assert min(counts.values()) > 10_000
    assert process.memory_info().rss - before < 20 * MEGABYTE


async def feed(app: FastAPI, hello: dict[str, Any], frames: list[str | bytes]) -> list[dict[str, Any]]:
    """Put frames through the whole application without a network; return what it sends."""
    incoming: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    for raw in [json.dumps(hello), *frames]:
        kind = "bytes" if isinstance(raw, bytes) else "text"
        incoming.append({"type": "websocket.receive", kind: raw})
    incoming.append({"type": "websocket.disconnect", "code": 1000})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if len(incoming) > 1 else incoming[0]

    async def send(message: Any) -> None:
        if message["type"] == "websocket.send":
            sent.append(json.loads(message["text"]))

    scope = {
        "type": "websocket",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "ws",
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return sent


def hello_of(customer: Customer) -> dict[str, Any]:
    return {"type": "hello", "conversation_id": customer.conversation_id, "token": customer.token, "after": 0}


def in_groups(frames: list[str | bytes], size: int) -> list[list[str | bytes]]:
    return [frames[start : start + size] for start in range(0, len(frames), size)]


async def test_fuzzed_frames_go_through_the_application_without_a_trace(service: Running) -> None:
    tasks_before = len(asyncio.all_tasks())
    kinds: set[str] = set()
    for group in in_groups(list(make_frames(SEED + 2, 2000)), 40):
        customer = await service.open_customer(connect=False)
        for frame in await feed(service.app, hello_of(customer), group):
            kinds.add(frame["type"])
            assert frame.get("code") != "internal"
            assert "Traceback" not in str(frame)
    assert {"ready", "error", "accepted", "event", "pong"} <= kinds
    await until_quiet(service, tasks_before)


async def test_fuzzed_first_frames_open_nothing(service: Running) -> None:
    hellos = make_frames(SEED + 3, 400, BASES[-1:])
    for raw in hellos:
        sent = await feed(service.app, {}, [raw])
        assert [frame["type"] for frame in sent] == ["error"]
    await until_quiet(service, len(asyncio.all_tasks()))


async def test_fuzzed_frames_on_real_sockets_leave_no_socket_task_or_memory(service: Running) -> None:
    frames = list(make_frames(SEED + 4, 1500))
    tasks_before = len(asyncio.all_tasks())
    process = psutil.Process()
    before = 0
    for number, group in enumerate(in_groups(frames, 30)):
        if number == 10:
            gc.collect()
            before = process.memory_info().rss
        customer = await service.open_customer()
        # A client that does not read does not see the answer to its close either.
        reading = asyncio.create_task(read_all(customer))
        try:
            for raw in group:
                if isinstance(raw, str):
                    raw = raw.encode("utf-8", "replace").decode()
                await customer.send_raw(raw)
            await customer.disconnect()
        except websockets.ConnectionClosed:
            await customer.disconnect()
        await reading
        assert customer._socket.close_code in (1000, 4400)
    await until_quiet(service, tasks_before)
    gc.collect()
    assert process.memory_info().rss - before < 40 * MEGABYTE
    customer = await service.open_customer()
    await customer.say("still well?")
    assert await customer.hear("bot", 20) == "echo: still well?"


async def read_all(customer: Customer) -> None:
    with suppress(websockets.ConnectionClosed):
        while True:
            await customer.receive(60)


async def until_quiet(service: Running, tasks: int) -> None:
    """Wait until every socket and everything that was done for one is gone."""
    limits = service.services.limits
    async with asyncio.timeout(30):
        while limits.sockets.total or limits.address_sockets.total or service.services.worker.running_tasks():
            await asyncio.sleep(0.05)
        while len(asyncio.all_tasks()) > tasks + 2:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("path", ["/api/v1/web/conversations", "/api/v1/session"])
async def test_fuzzed_bodies_get_a_clear_answer(service: Running, path: str) -> None:
    bases = OPENINGS if "web" in path else ({"email": "a@example.com", "password": "x"},)
    transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
    statuses: set[int] = set()
    async with httpx.AsyncClient(transport=transport, base_url="http://x", trust_env=False) as client:
        # Checking a password takes long on purpose.
        for raw in make_frames(SEED + 5, 100 if path.endswith("session") else 600, bases):
            body = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
            response = await client.post(path, content=body, headers={"Content-Type": "application/json"})
            statuses.add(response.status_code)
            assert response.status_code < 500, (raw, response.text)
            assert response.headers["content-type"] == "application/json"
            assert isinstance(response.json(), dict)
    assert statuses <= {201, 400, 401, 422, 429}
    assert 422 in statuses
