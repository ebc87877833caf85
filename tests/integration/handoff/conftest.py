"""The service in this process: real application, real embedded database, real sockets; the bot is a fake."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import websockets
from fastapi import FastAPI

from handoff.agents.service import create_agent
from handoff.app import create_app
from handoff.context import Services
from handoff.database import Base
from handoff.settings import Settings
from handoff.testing import FakeBot

SECRET = "s" * 40
PASSWORD = "correct horse battery"


def make_settings(folder: Path, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "internal_secret": SECRET,
        "identity_secret": SECRET,
        "session_secret": SECRET,
        "database_url": f"sqlite+aiosqlite:///{folder / 'dragoman.db'}",
        "messages_per_minute": 1000,
        "conversations_per_minute": 1000,
    }
    return Settings(**{**values, **changes})


class Customer:
    """A widget: opens a conversation over HTTP and speaks the socket's protocol."""

    def __init__(self, base_url: str, opened: dict[str, Any]) -> None:
        self.base_url = base_url
        self.conversation_id: str = opened["conversation_id"]
        self.token: str = opened["token"]
        self.seq = 0
        self.events: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self._socket: Any = None

    async def connect(self, after: int | None = None) -> dict[str, Any]:
        url = self.base_url.replace("http", "ws", 1) + "/api/v1/web/socket"
        self._socket = await websockets.connect(url, proxy=None)
        await self.send(
            type="hello",
            conversation_id=self.conversation_id,
            token=self.token,
            after=self.seq if after is None else after,
        )
        return await self.wait_for(lambda frame: frame["type"] in ("ready", "error"))

    async def disconnect(self) -> None:
        await self._socket.close()

    async def send(self, **frame: Any) -> None:
        await self._socket.send(json.dumps(frame))

    async def send_raw(self, raw: str | bytes) -> None:
        await self._socket.send(raw)

    async def receive(self, timeout_s: float = 5.0) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), timeout_s))
        self.frames.append(frame)
        if frame["type"] == "event":
            self.seq = max(self.seq, frame["seq"])
            self.events.append(frame)
        return frame

    async def wait_for(
        self, is_it: Callable[[dict[str, Any]], bool], timeout_s: float = 5.0
    ) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self.receive(timeout_s)
                if is_it(frame):
                    return frame

    async def say(self, text: str, message_id: str | None = None, payload: str | None = None) -> str:
        message_id = message_id or str(uuid.uuid4())
        frame = {"type": "message", "id": message_id, "text": text}
        await self.send(**frame, **({"payload": payload} if payload else {}))
        return message_id

    async def hear(self, author: str, timeout_s: float = 5.0) -> str:
        """Wait for the next message of an author; return its text."""
        frame = await self.wait_for(
            lambda frame: frame.get("kind") == "message" and frame["message"]["author"] == author, timeout_s
        )
        return str(frame["message"]["text"])

    def texts(self, author: str) -> list[str]:
        return [
            event["message"]["text"]
            for event in self.events
            if event["kind"] == "message" and event["message"]["author"] == author
        ]


class Running:
    """A running service and the people who use it."""

    def __init__(self, app: FastAPI, base_url: str, bot: FakeBot) -> None:
        self.app = app
        self.base_url = base_url
        self.bot = bot
        self.http = httpx.AsyncClient(base_url=base_url, trust_env=False)

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
        return httpx.AsyncClient(base_url=self.base_url, headers=headers, trust_env=False)


@asynccontextmanager
async def running_service(settings: Settings, bot: FakeBot, **stand_ins: Any) -> AsyncIterator[Running]:
    """Run the service on a free port of the loopback until the block ends."""
    app = create_app(settings, bot=bot, **stand_ins)
    async with app.state.services.database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", ws_max_size=64 * 1024, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
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


@pytest.fixture
def bot() -> FakeBot:
    return FakeBot()


@pytest.fixture
async def service(tmp_path: Path, bot: FakeBot) -> AsyncIterator[Running]:
    async with running_service(make_settings(tmp_path), bot) as running:
        yield running
