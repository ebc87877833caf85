"""The wall clock jumps an hour ahead and back: nothing stalls, hurries or loses its place."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from handoff.agents.service import create_agent
from handoff.bus import InProcessBus
from handoff.clock import utc_now
from handoff.database import Base, Database
from scripts.environment import ROOT
from scripts.processes import free_port
from tests.customer import Customer
from tests.integration.handoff.conftest import (
    PASSWORD,
    SECRET,
    TLS,
    make_settings,
    running_service,
)
from tests.integration.handoff.faults.fake_rasa import FakeRasa, Trouble, fake_rasa
from tests.integration.handoff.faults.people import notice, until_heard
from tests.integration.handoff.faults.storage import (
    Attempts,
    answer_to,
    check_kept_and_answered,
    say_until_accepted,
)
from tests.servers import Postgres, Redis, running_postgres

HOUR_S = 3600


def find_libfaketime() -> str:
    """Return the path of the library that lies about the time to whoever loads it."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "libfaketime is missing (Debian: apt-get install faketime)"
    return str(found[0])


@dataclass
class Clock:
    """The wall clock of the processes that are started with its environment; the monotonic one goes on."""

    file: Path

    def __post_init__(self) -> None:
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Be so far ahead of the true time from now on; negative: behind."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n", encoding="ascii")
        new.chmod(0o644)
        new.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": find_libfaketime(),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


@dataclass
class Shop:
    """A real service process with a clock that jumps, its Rasa, and an agent."""

    base_url: str
    clock: Clock
    rasa: FakeRasa
    database: Database
    http: httpx.AsyncClient

    async def open_customer(self) -> Customer:
        response = await self.http.post("/api/v1/web/conversations", json={"language": "en"})
        customer = Customer(self.base_url, response.json())
        assert (await customer.connect())["type"] == "ready"
        return customer

    async def now_s(self) -> float:
        """Return how far the service's clock is from the true time, by the events that it writes."""
        customer = await self.open_customer()
        await customer.say("what time is it")
        await customer.hear("bot", 20)
        at = datetime.fromisoformat(customer.events[-1]["at"])
        await customer.disconnect()
        return (at - utc_now()).total_seconds()


@contextmanager
def service_process(environment: dict[str, str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "handoff", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    port = free_port()
    url = f"sqlite+aiosqlite:///{tmp_path / 'dragoman.db'}"
    database = Database(url, InProcessBus())
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with database.transaction() as session:
        await create_agent(session, email="anna@example.com", name="Anna", password=PASSWORD, language="en")
    clock = Clock(tmp_path / "clock")
    base_url = f"http://127.0.0.1:{port}"
    async with fake_rasa() as rasa, httpx.AsyncClient(base_url=base_url, trust_env=False, verify=TLS) as http:
        environment = {
            **clock.environment,
            "DRAGOMAN_DATABASE_URL": url,
            "DRAGOMAN_BOT_URL": rasa.url,
            **dict.fromkeys(
                ("DRAGOMAN_INTERNAL_SECRET", "DRAGOMAN_IDENTITY_SECRET", "DRAGOMAN_SESSION_SECRET"), SECRET
            ),
        }
        with service_process(environment, port, tmp_path / "service.log"):
            async with asyncio.timeout(60):
                while True:
                    try:
                        await http.get("/health")
                        break
                    except httpx.TransportError:
                        await asyncio.sleep(0.1)
            yield Shop(base_url, clock, rasa, database, http)
    await database.close()


async def list_queue(agent: httpx.AsyncClient) -> list[str]:
    waiting = (await agent.get("/api/v1/queue")).json()["waiting"]
    return [line["conversation_id"] for line in waiting]


async def test_clock_that_jumps_under_the_service_changes_nothing_for_anybody(shop: Shop) -> None:
    response = await shop.http.post(
        "/api/v1/session", json={"email": "anna@example.com", "password": PASSWORD}
    )
    headers = {"Authorization": f"Bearer {response.json()['token']}"}
    shop.http.cookies.clear()
    agent = httpx.AsyncClient(base_url=shop.base_url, headers=headers, trust_env=False, verify=TLS)
    talker, waiter = [await shop.open_customer() for _ in range(2)]
    said: list[str] = []
    queue: list[str] = []
    for number, jump_s in enumerate((0, HOUR_S, 0, -HOUR_S, 0)):
        # One turn is under way while the clock jumps, one message comes after it.
        await shop.rasa.set_trouble(Trouble.HANGS)
        for text in (f"over {number}", f"after {number}"):
            assert await answer_to(talker, text, Attempts())
            said.append(text)
            shop.clock.jump(jump_s)
        await shop.rasa.set_trouble(Trouble.NONE)
        await until_heard(talker, "bot", f"echo: after {number}", 10)
        assert abs(await shop.now_s() - jump_s) < 60, "the clock did jump"
        # Who comes later waits behind those before, whatever the clock says.
        person = await shop.open_customer()
        await person.say("agent")
        await person.wait_for(lambda frame: frame.get("owner") == "waiting", 10)
        queue.append(person.conversation_id)
        assert await list_queue(agent) == queue
    assert notice("delayed") not in talker.texts("notice"), "nobody is told of an hour that did not go by"
    await check_kept_and_answered(shop.database, talker, *said)
    await say_until_accepted(waiter, "hello")
    await check_kept_and_answered(shop.database, waiter, "hello")
    for conversation_id in queue:
        taken = await agent.post(f"/api/v1/conversations/{conversation_id}/take")
        assert taken.is_success, "she is still signed in"
    await agent.aclose()


@pytest.fixture
def clock() -> Iterator[Clock]:
    with tempfile.TemporaryDirectory(prefix="dragoman-clock-") as folder:
        # PostgreSQL, which refuses to run as root, reads it as another user.
        Path(folder).chmod(0o755)
        yield Clock(Path(folder) / "clock")


@pytest.fixture
def postgres_that_jumps(clock: Clock, tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL whose clock jumps; the processes that use it have the true time."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in clock.environment.items():
            patched.setenv(name, value)
        with running_postgres(tmp_path) as postgres:
            patched.undo()
            yield postgres


async def test_leases_outlive_the_jumps_of_the_database_s_clock(
    postgres_that_jumps: Postgres, redis: Redis, clock: Clock, tmp_path: Path
) -> None:
    """Two may ask the bot the same thing then; one answer is written, and nobody waits for an hour."""
    url = postgres_that_jumps.url(scheme="postgresql+asyncpg")
    async with AsyncExitStack() as stack:
        rasa = await stack.enter_async_context(fake_rasa())
        settings = make_settings(
            tmp_path, database_url=url, bus_url=redis.url(), bot_url=rasa.url, lease_s=2.0
        )
        replicas = [
            await stack.enter_async_context(running_service(settings, None))  # type: ignore[arg-type]
            for _ in range(2)
        ]
        customers = [await replica.open_customer(language="en") for replica in replicas for _ in range(2)]
        said: list[str] = []
        for number, jump_s in enumerate((HOUR_S, 0, -HOUR_S, 0)):
            await rasa.set_trouble(Trouble.HANGS)
            said += [f"over {number}", f"after {number}"]
            for customer in customers:
                assert await answer_to(customer, said[-2], Attempts())
            clock.jump(jump_s)
            async with replicas[0].services.database.reading() as session:
                now = await session.scalar(select(func.clock_timestamp()))
            assert abs((now - utc_now()).total_seconds() - jump_s) < 60, "the clock did jump"
            for customer in customers:
                assert await answer_to(customer, said[-1], Attempts())
            # Every lease is renewed, or taken over, by the new time.
            await asyncio.sleep(1)
            await rasa.set_trouble(Trouble.NONE)
            for customer in customers:
                await until_heard(customer, "bot", f"echo: after {number}", 15)
        for customer in customers:
            await check_kept_and_answered(replicas[0].services.database, customer, *said)
