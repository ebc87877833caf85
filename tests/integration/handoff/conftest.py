"""The service in this process: real application, real embedded database, real sockets; the bot is a fake."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from handoff.agents.service import create_agent
from handoff.app import create_app
from handoff.bus import InProcessBus
from handoff.connections import make_server_config
from handoff.context import Services
from handoff.database import Base, Database
from handoff.settings import Settings
from handoff.testing import FakeBot
from tests.customer import Customer
from tests.servers import Postgres, Redis, running_postgres, running_redis

SECRET = "s" * 40
PASSWORD = "correct horse battery"
# Never used, and reading the authorities takes longer than most tests: once is enough.
TLS = ssl.create_default_context()


def make_settings(folder: Path, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "internal_secret": SECRET,
        "identity_secret": SECRET,
        "session_secret": SECRET,
        "database_url": os.environ.get(
            "DRAGOMAN_TEST_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'dragoman.db'}"
        ),
        # Else what customers hear would depend on the time of day; tests of it bring a clock.
        "tell_support_hours": False,
        "messages_per_minute": 1000,
        "conversations_per_minute": 1000,
    }
    return Settings(**{**values, **changes})


class Running:
    """A running service and the people who use it."""

    def __init__(self, app: FastAPI, base_url: str, bot: FakeBot) -> None:
        self.app = app
        self.base_url = base_url
        self.bot = bot
        self.http = httpx.AsyncClient(base_url=base_url, trust_env=False, verify=TLS)

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    async def open_customer(self, connect: bool = True, **body: Any) -> Customer:
        response = await self.http.post("/api/v1/web/conversations", json=body)
        assert response.status_code == 201, response.text
        customer = Customer(self.base_url, response.json())
        if connect:
            ready = await customer.connect()
            assert ready["type"] == "ready", ready
        return customer

    async def sign_in(self, name: str = "Anna", language: str = "en") -> httpx.AsyncClient:
        """Open an account and sign in; return a client that carries the token."""
        email = f"{name.lower()}@example.com"
        async with self.services.database.transaction() as session:
            await create_agent(session, email=email, name=name, password=PASSWORD, language=language)
        response = await self.http.post("/api/v1/session", json={"email": email, "password": PASSWORD})
        assert response.status_code == 201, response.text
        self.http.cookies.clear()
        headers = {"Authorization": f"Bearer {response.json()['token']}"}
        return httpx.AsyncClient(base_url=self.base_url, headers=headers, trust_env=False, verify=TLS)


@asynccontextmanager
async def running_service(settings: Settings, bot: FakeBot, **stand_ins: Any) -> AsyncIterator[Running]:
    """Run the service on a free port of the loopback until the block ends."""
    app = create_app(settings, bot=bot, **stand_ins)
    async with app.state.services.database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    server = uvicorn.Server(
        make_server_config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        running = Running(app, f"http://127.0.0.1:{port}", bot)
        yield running
        await running.http.aclose()
    finally:
        server.should_exit = True
        await serving


@pytest.fixture(autouse=True)
async def empty_database() -> None:
    """Empty the database that DRAGOMAN_TEST_DATABASE_URL names; files are new for every test anyway."""
    url = os.environ.get("DRAGOMAN_TEST_DATABASE_URL")
    if url is None:
        return
    database = Database(url, InProcessBus())
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    await database.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL; every test makes a database of its own in it."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A real Redis; publishing knows no numbered databases: one test at a time."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def bot() -> FakeBot:
    return FakeBot()


@pytest.fixture
async def service(tmp_path: Path, bot: FakeBot) -> AsyncIterator[Running]:
    async with running_service(make_settings(tmp_path), bot) as running:
        yield running
