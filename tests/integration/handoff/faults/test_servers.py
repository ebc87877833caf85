"""PostgreSQL and Redis stopped, frozen and back under two replicas: told in time, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
import websockets

from handoff.testing import FakeBot
from tests.customer import Customer
from tests.integration.handoff.conftest import Running, make_settings, running_service
from tests.integration.handoff.faults.people import WITHIN_S
from tests.integration.handoff.faults.storage import (
    Attempts,
    answer_to,
    check_kept_and_answered,
    check_refusals,
    say_until_accepted,
    until,
)
from tests.servers import Postgres, Redis, Server

# What a machine with other work may add to something that happens at once.
AT_ONCE_S = 2.0


@pytest.fixture
async def replicas(
    postgres: Postgres, redis: Redis, tmp_path: Path, bot: FakeBot
) -> AsyncIterator[list[Running]]:
    name = f"faults_{uuid.uuid4().hex}"
    await asyncio.to_thread(postgres.create_database, name)
    settings = make_settings(
        tmp_path, database_url=postgres.url(name, "postgresql+asyncpg"), bus_url=redis.url(), lease_s=2.0
    )
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_service(settings, bot)) for _ in range(2)]


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Stop a server and everything it started in the middle of whatever they do, as a hanging disk does."""
    assert server.process
    process = psutil.Process(server.process.pid)
    everybody = [process, *process.children(recursive=True)]
    for one in everybody:
        one.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in everybody:
            one.send_signal(signal.SIGCONT)


async def move(customer: Customer, replica: Running) -> None:
    """Connect to another replica, as after a network change."""
    await customer.disconnect()
    customer.base_url = replica.base_url
    assert (await customer.connect())["type"] == "ready"


async def act(agent: httpx.AsyncClient, customer: Customer, what: str, **body: Any) -> None:
    path = f"/api/v1/conversations/{customer.conversation_id}/{what}"
    response = await agent.post(path, json=body, timeout=20)
    assert response.is_success, response.text


async def heard_after_s(customer: Customer, author: str, text: str, timeout_s: float = 20) -> float:
    started = time.monotonic()
    async with asyncio.timeout(timeout_s):
        while text not in customer.texts(author):
            await customer.receive(timeout_s)
    return time.monotonic() - started


async def test_redis_away_slows_what_other_replicas_hear_and_nothing_else(
    replicas: list[Running], redis: Redis
) -> None:
    here, there = replicas
    customer = await here.open_customer(language="en")
    agent = await there.sign_in()
    try:
        await asyncio.to_thread(redis.stop)
        await customer.say("hello")
        assert await heard_after_s(customer, "bot", "echo: hello") < AT_ONCE_S
        await act(agent, customer, "take")
        for number in range(3):
            text = f"away {number}"
            await act(agent, customer, "messages", id=str(uuid.uuid4()), text=text)
            # Everybody looks for themselves once a second.
            assert await heard_after_s(customer, "agent", text) < 2 * AT_ONCE_S
    finally:
        await asyncio.to_thread(redis.start)
    buses: list[Any] = [replica.services.bus for replica in replicas]
    started = time.monotonic()
    await until(lambda: not any(bus._owes_resync for bus in buses))
    assert time.monotonic() - started < 2 * AT_ONCE_S
    for number in range(3):
        text = f"back {number}"
        await act(agent, customer, "messages", id=str(uuid.uuid4()), text=text)
        assert await heard_after_s(customer, "agent", text) < AT_ONCE_S
    expected = [f"{when} {number}" for when in ("away", "back") for number in range(3)]
    assert customer.texts("agent") == expected, "in order, and none twice"
    await agent.aclose()


async def test_redis_that_hangs_is_given_up_and_taken_up_again(
    replicas: list[Running], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.bus.RedisBus.PING_EVERY_S", 0.3)
    monkeypatch.setattr("handoff.bus.RedisBus.SILENT_FOR_S", 1.5)
    here, there = replicas
    customer = await here.open_customer(language="en")
    agent = await there.sign_in()
    await act(agent, customer, "take")
    with frozen(redis):
        await act(agent, customer, "messages", id=str(uuid.uuid4()), text="away")
        # What takes 15 s is a second and a half here; then they look for themselves.
        assert await heard_after_s(customer, "agent", "away", 30) < 3 * AT_ONCE_S
    await until(lambda: not any(replica.services.bus._owes_resync for replica in replicas), 30)
    for number in range(3):
        await act(agent, customer, "messages", id=str(uuid.uuid4()), text=f"back {number}")
        assert await heard_after_s(customer, "agent", f"back {number}") < 2 * AT_ONCE_S
    assert customer.texts("agent") == ["away", *(f"back {number}" for number in range(3))]
    await agent.aclose()


async def say_whatever_happens(customer: Customer, text: str, attempts: Attempts) -> None:
    """Write as the widget does: it also connects again when the service closes its socket."""
    async with asyncio.timeout(60):
        while True:
            try:
                if await answer_to(customer, text, attempts):
                    return
            except websockets.ConnectionClosed:
                while (await customer.connect())["type"] != "ready":
                    await asyncio.sleep(0.2)
            await asyncio.sleep(0.2)


@asynccontextmanager
async def saying(customers: list[Customer], text: str) -> AsyncIterator[list[Attempts]]:
    """Let them write; in the end everything is accepted, and what was refused was refused in time."""
    attempts = [Attempts() for _ in customers]
    async with asyncio.TaskGroup() as tasks:
        for customer, theirs in zip(customers, attempts, strict=True):
            tasks.create_task(say_whatever_happens(customer, text, theirs))
        yield attempts
    for theirs in attempts:
        check_refusals(theirs)


async def test_postgres_stopped_and_started_loses_and_doubles_nothing(
    replicas: list[Running], postgres: Postgres, bot: FakeBot
) -> None:
    customers = [await replica.open_customer(language="en") for replica in replicas for _ in range(3)]
    bot.delay_s = 60
    for customer in customers:
        assert await answer_to(customer, "before", Attempts())
    await until(lambda: len(bot.calls) == len(customers))
    await asyncio.to_thread(postgres.stop)
    try:
        # The answers come while there is nowhere to write them to.
        bot.answer_now()
        async with saying(customers, "during") as attempts:
            response = await replicas[0].http.post("/api/v1/web/conversations", json={}, timeout=20)
            assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
            assert response.elapsed.total_seconds() < WITHIN_S
            await until(lambda: all(len(theirs.refusals) > 1 for theirs in attempts))
            await asyncio.to_thread(postgres.start)
    finally:
        if postgres.process is None:
            await asyncio.to_thread(postgres.start)
    for customer in customers:
        await check_kept_and_answered(replicas[0].services.database, customer, "before", "during")
    moved = customers[0]
    await move(moved, replicas[1])
    await say_until_accepted(moved, "after")
    await check_kept_and_answered(replicas[0].services.database, moved, "before", "during", "after")


async def test_postgres_that_hangs_is_told_in_time(replicas: list[Running], postgres: Postgres) -> None:
    customers = [await replica.open_customer(language="en") for replica in replicas for _ in range(2)]
    for customer in customers:
        # Answered once the socket has caught up with the log.
        await customer.send(type="ping")
        await customer.wait_for(lambda frame: frame["type"] == "pong")
    async with saying(customers, "during") as attempts:
        with frozen(postgres):
            await until(lambda: all(theirs.refusals for theirs in attempts))
    for customer in customers:
        await check_kept_and_answered(replicas[0].services.database, customer, "during")


async def test_conversation_that_somebody_keeps_locked_is_told_in_time_and_others_go_on(
    replicas: list[Running], postgres: Postgres
) -> None:
    """A replica that froze in the middle of a transaction holds its row."""
    stuck, free = [await replicas[0].open_customer(language="en") for _ in range(2)]
    url = replicas[0].services.settings.database_url.replace("+asyncpg", "")
    other = await asyncpg.connect(url)
    transaction = other.transaction()
    await transaction.start()
    query = "SELECT id FROM conversations WHERE id = $1 FOR UPDATE"
    assert await other.fetchval(query, uuid.UUID(stuck.conversation_id))
    async with saying([stuck], "during") as attempts:
        await say_until_accepted(free, "hello")
        await check_kept_and_answered(replicas[0].services.database, free, "hello")
        await until(lambda: bool(attempts[0].refusals))
        await transaction.rollback()
    await other.close()
    await check_kept_and_answered(replicas[0].services.database, stuck, "during")
