"""Who is here, as agents see it: over API and console, at one service and at two that share a Redis."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from handoff.channels.registry import ChannelRegistry
from handoff.console import framework
from handoff.conversations.models import Contact, Conversation
from handoff.presence import Kind
from handoff.settings import ROOT, Settings
from handoff.testing import FakeBot, FakePushingChannel
from scripts.processes import free_port
from tests.customer import Customer
from tests.integration.handoff.conftest import SECRET, Running, make_settings, running_service
from tests.integration.handoff.console_client import PageSocket, open_page, signed_in
from tests.servers import Redis, running_redis

# A service that beats as fast as those in this process.
QUICK_SERVICE = (
    "import sys; from handoff import presence; presence.BEAT_S = 0.2; "
    "from handoff.__main__ import main; sys.exit(main())"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"BEAT_S": 0.2, "SILENT_FOR_S": 3.0, "LINGER_S": 0.1}.items():
        monkeypatch.setattr(f"handoff.presence.{name}", seconds)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with running_redis(tmp_path) as server:
        yield server


@asynccontextmanager
async def two_services(settings: Settings) -> AsyncIterator[tuple[Running, Running]]:
    async with running_service(settings, FakeBot()) as one, running_service(settings, FakeBot()) as two:
        yield one, two


async def until(is_so: Callable[[], Awaitable[bool]], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not await is_so():
            await asyncio.sleep(0.02)


def seen_by(agent: httpx.AsyncClient, customer: Customer, *, present: bool) -> Callable[[], Awaitable[bool]]:
    """Whether the API says that a conversation's customer is here, or is not."""

    async def look() -> bool:
        view = (await agent.get(f"/api/v1/conversations/{customer.conversation_id}")).json()
        return bool(view["customer_present"] is present)

    return look


async def present_names(client: httpx.AsyncClient) -> list[str]:
    response = await client.get("/api/v1/agents/present")
    assert response.status_code == 200, response.text
    return [agent["name"] for agent in response.json()]


async def _second_tab(customer: Customer, base_url: str) -> Customer:
    opened = {"conversation_id": customer.conversation_id, "token": customer.token}
    tab = Customer(base_url, opened)
    assert (await tab.connect())["type"] == "ready"
    return tab


async def test_customer_is_present_while_any_tab_is_open(service: Running) -> None:
    anna = await service.sign_in()
    customer = await service.open_customer()
    assert await seen_by(anna, customer, present=True)()
    tab = await _second_tab(customer, service.base_url)
    await customer.disconnect()
    await asyncio.sleep(0.3)
    assert await seen_by(anna, customer, present=True)()
    await tab.disconnect()
    await until(seen_by(anna, customer, present=False))


async def test_wrong_token_makes_nobody_present(service: Running) -> None:
    anna = await service.sign_in()
    customer = await service.open_customer(connect=False)
    stranger = Customer(
        service.base_url, {"conversation_id": customer.conversation_id, "token": "x" * len(customer.token)}
    )
    assert (await stranger.connect())["type"] == "error"
    assert await seen_by(anna, customer, present=False)()
    assert service.services.presence.list_here(Kind.CUSTOMER) == set()


async def test_lines_of_the_queue_tell_who_is_here(service: Running) -> None:
    anna = await service.sign_in()
    stays, leaves = await service.open_customer(), await service.open_customer()
    for customer in (stays, leaves):
        await customer.say("agent")
        await customer.hear("notice")
    await leaves.disconnect()
    await until(seen_by(anna, leaves, present=False))
    await anna.post(f"/api/v1/conversations/{leaves.conversation_id}/take")
    queue = (await anna.get("/api/v1/queue")).json()
    assert [line["customer_present"] for line in queue["waiting"]] == [True]
    assert [line["customer_present"] for line in queue["taken"]] == [False]


async def test_channel_without_sockets_tells_nothing(tmp_path: Path) -> None:
    stand_in = FakePushingChannel()
    channels = ChannelRegistry([stand_in])
    async with running_service(make_settings(tmp_path), FakeBot(), channels=channels) as service:
        async with service.services.database.transaction() as session:
            contact = Contact(id=uuid.uuid4())
            session.add(contact)
            await session.flush()
            conversation = Conversation(id=uuid.uuid4(), contact_id=contact.id, channel=stand_in.traits.name)
            session.add(conversation)
        anna = await service.sign_in()
        view = (await anna.get(f"/api/v1/conversations/{conversation.id}")).json()
        assert view["customer_present"] is None


async def test_agents_who_ask_are_present_and_only_agents_are_told(service: Running) -> None:
    anna, bruno = await service.sign_in("Anna"), await service.sign_in("Bruno")
    assert await present_names(anna) == ["Anna"]
    assert await present_names(bruno) == ["Anna", "Bruno"]
    assert (await service.http.get("/api/v1/agents/present")).status_code == 401
    assert (await bruno.delete("/api/v1/session")).status_code == 204
    assert await present_names(anna) == ["Anna"]
    assert (await bruno.get("/api/v1/queue")).status_code == 401
    assert await present_names(anna) == ["Anna"], "who is not signed in is not here"


async def test_agent_is_present_while_the_console_is_open(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framework.app.config, "reconnect_timeout", 0.2)
    anna = await service.sign_in("Anna")
    presence = service.services.presence
    async with signed_in(service, "Bruno") as browser:
        socket = PageSocket(service, browser, await open_page(browser))
        assert await present_names(anna) == ["Anna"], "a page that no browser has opened is nobody's"
        await socket.connect()

        async def bruno_is_here() -> bool:
            return await present_names(anna) == ["Anna", "Bruno"]

        await until(bruno_is_here)
        assert len(presence._subscriptions) == 1
        await socket.close()

        async def bruno_is_gone() -> bool:
            return await present_names(anna) == ["Anna"]

        await until(bruno_is_gone)
        assert not presence._subscriptions


async def test_two_services_see_the_same_people(tmp_path: Path, redis: Redis) -> None:
    async with two_services(make_settings(tmp_path, bus_url=redis.url())) as (one, two):
        anna = await two.sign_in("Anna")
        customer = await one.open_customer()
        await until(seen_by(anna, customer, present=True))
        tab = await _second_tab(customer, two.base_url)
        await customer.disconnect()
        await asyncio.sleep(0.5)
        assert await seen_by(anna, customer, present=True)(), "the other tab is at the other service"
        await tab.disconnect()
        await until(seen_by(anna, customer, present=False))
        bruno = await one.sign_in("Bruno")
        assert "Bruno" in await present_names(bruno)

        async def bruno_is_known_there() -> bool:
            return await present_names(anna) == ["Anna", "Bruno"]

        await until(bruno_is_known_there)


async def test_redis_gone_and_back(tmp_path: Path, redis: Redis) -> None:
    async with two_services(make_settings(tmp_path, bus_url=redis.url())) as (one, two):
        anna = await two.sign_in("Anna")
        there, here = await one.open_customer(), await two.open_customer()
        await until(seen_by(anna, there, present=True))
        await asyncio.to_thread(redis.stop)
        came = await two.open_customer()
        started = asyncio.get_running_loop().time()
        assert await seen_by(anna, came, present=True)()
        assert asyncio.get_running_loop().time() - started < 2, "nobody waits for Redis"
        await until(seen_by(anna, there, present=False))
        assert await seen_by(anna, here, present=True)(), "its own people a service knows without Redis"
        await asyncio.to_thread(redis.start)
        await until(seen_by(anna, there, present=True), timeout_s=20)
        bruno = await one.sign_in("Bruno")
        await until(seen_by(bruno, came, present=True))


async def test_people_of_a_killed_service_vanish(tmp_path: Path, redis: Redis) -> None:
    settings = make_settings(tmp_path, bus_url=redis.url())
    async with running_service(settings, FakeBot()) as survivor:
        anna = await survivor.sign_in("Anna")
        port = free_port()
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-c", QUICK_SERVICE, "--port", str(port),
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "DRAGOMAN_DATABASE_URL": settings.database_url,
                "DRAGOMAN_BUS_URL": settings.bus_url,
                "DRAGOMAN_LOG_LEVEL": "WARNING",
                **{f"DRAGOMAN_{name}_SECRET": SECRET for name in ("INTERNAL", "IDENTITY", "SESSION")},
            },
        )  # fmt: skip
        try:
            base_url = f"http://127.0.0.1:{port}"

            async def is_up() -> bool:
                try:
                    return (await survivor.http.get(f"{base_url}/health")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(is_up, timeout_s=40)
            both = await survivor.open_customer()
            await _second_tab(both, base_url)
            opened = (await survivor.http.post("/api/v1/web/conversations", json={})).json()
            there = Customer(base_url, opened)
            await there.connect()
            await until(seen_by(anna, there, present=True))
            # Longer than silence is borne: beats keep them.
            await asyncio.sleep(3.5)
            assert await seen_by(anna, there, present=True)()
        finally:
            killed.kill()
            await killed.wait()
        await until(seen_by(anna, there, present=False))
        assert await seen_by(anna, both, present=True)(), "the other tab is at the survivor"
