"""Replicas of the service, a customer and two agents, and the means to say that all is quiet again."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import websockets
from sqlalchemy import update

from handoff.bus import InProcessBus
from handoff.clock import utc_now
from handoff.conversations.models import Conversation
from handoff.database import Database
from handoff.settings import Settings
from tests.customer import Customer
from tests.integration.handoff.conftest import Running, running_service
from tests.integration.handoff.state.bot import MannerlyBot

NAMES = ("Anna", "Bruno")


@dataclass
class Clock:
    """Seconds that go by, and those that a test lets go by."""

    skipped_s: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.skipped_s


class Replica:
    """One service process; it can be ended, gently or not, and started again."""

    def __init__(self, settings: Settings, bot: MannerlyBot, clock: Clock) -> None:
        self._settings = settings
        self._bot = bot
        self._clock = clock
        self._stack = AsyncExitStack()
        self.running: Running

    async def start(self) -> None:
        service = running_service(self._settings, self._bot)  # type: ignore[arg-type]
        self.running = await self._stack.enter_async_context(service)
        # The application builds its own: only its idea of the time is the test's.
        self._worker._stalls._monotonic = self._clock

    @property
    def _worker(self) -> Any:
        return self.running.services.worker

    async def stop(self) -> None:
        await self._stack.aclose()

    async def kill(self) -> None:
        """End it as a crash does: in the middle of its turns, and its leases stay."""
        # What is due next does not begin any more.
        self._worker._is_stopping = True
        tasks = [*self._worker._loops, *self._worker.running_tasks()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Stopping in order would give back what this process holds.
        self._worker._turns.holder = uuid.uuid4().hex
        await self.stop()

    async def look(self) -> None:
        """Do what polling does, now."""
        await self._worker._look_at_turns()

    def count_turns(self) -> int:
        return len(self._worker.running_tasks())


class Widget(Customer):
    """A customer's widget: reads by itself, keeps its place, sends again what nobody has confirmed."""

    def __init__(self, base_url: str, opened: dict[str, Any]) -> None:
        super().__init__(base_url, opened)
        self.sent: dict[str, dict[str, Any]] = {}
        self.left = 0
        """How often leaving the queue was asked for; answered by an event or an error each."""
        self._reading: asyncio.Task[None] | None = None

    async def join(self, base_url: str) -> None:
        """Connect to a replica, wherever the widget was before."""
        await self.vanish()
        self.base_url = base_url
        ready = await self.connect()
        assert ready["type"] == "ready", ready
        self._reading = asyncio.create_task(self._read())
        for frame in self.sent.values():
            if frame["id"] not in self.accepted:
                await self.send(**frame)

    async def vanish(self) -> None:
        """Be gone without a word; what was not read yet is lost."""
        if self._reading is not None:
            self._socket.transport.abort()
            await self._reading
            self._reading = None

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await self.receive(timeout_s=3600)

    async def write(self, text: str, payload: str | None) -> None:
        frame = {"type": "message", "id": str(uuid.uuid4()), "text": text}
        self.sent[frame["id"]] = {**frame, "payload": payload}
        await self.send(**self.sent[frame["id"]])

    async def leave_queue(self) -> None:
        self.left += 1
        await self.send(type="leave_queue")

    @property
    def accepted(self) -> dict[str, tuple[str, int]]:
        accepted: dict[str, tuple[str, int]] = {}
        for frame in self.frames:
            if frame["type"] == "accepted":
                answer = (frame["message_id"], frame["seq"])
                assert accepted.setdefault(frame["id"], answer) == answer, "a repeat gets the same answer"
        return accepted

    @property
    def refusals(self) -> list[str]:
        return [frame["code"] for frame in self.frames if frame["type"] == "error"]


class Agent:
    """Signed in once, at every replica."""

    def __init__(self, name: str, client: httpx.AsyncClient) -> None:
        self.name = name
        self.http = client

    async def call(self, base_url: str, path: str, **body: Any) -> httpx.Response:
        return await self.http.post(base_url + path, json=body)


class World:
    """Everybody and everything; lives through many conversations, one at a time."""

    def __init__(self, settings: Settings, replicas: int) -> None:
        self.bot = MannerlyBot()
        self.clock = Clock()
        self.replicas = [Replica(settings, self.bot, self.clock) for _ in range(replicas)]
        self.agents: list[Agent] = []
        self.database = Database(settings.database_url, InProcessBus())

    def url_of(self, replica: int) -> str:
        return self.replicas[replica % len(self.replicas)].running.base_url

    async def start(self) -> None:
        for replica in self.replicas:
            await replica.start()
        for name in NAMES:
            client = await self.replicas[0].running.sign_in(name)
            # A step has a time of its own.
            client.timeout = httpx.Timeout(None)
            self.agents.append(Agent(name, client))

    async def stop(self) -> None:
        self.bot.speak_of_all()
        for agent in self.agents:
            await agent.http.aclose()
        for replica in self.replicas:
            await replica.stop()
        await self.database.close()

    async def open_widget(self, language: str | None) -> Widget:
        """Open a conversation, not yet connected."""
        opened = await self.replicas[0].running.open_customer(connect=False, language=language)
        body = {"conversation_id": opened.conversation_id, "token": opened.token}
        return Widget(opened.base_url, body)

    async def restart(self, number: int, *, kill: bool, others_look: bool) -> None:
        """End a replica and start it again; the others may go on with its work in between."""
        replica = self.replicas[number % len(self.replicas)]
        await (replica.kill() if kill else self._stop_gently(replica))
        for other in self.replicas:
            if others_look and other is not replica:
                await self.let_leases_run_out()
                await other.look()
        await replica.start()

    async def _stop_gently(self, replica: Replica) -> None:
        """Stop while the bot still speaks: turns under way are finished, not cut off."""
        stopping = asyncio.create_task(replica.stop())
        self.bot.speak_of_all()
        await stopping

    async def let_leases_run_out(self) -> None:
        """As if ten seconds had gone by in which nobody could renew."""
        async with self.database.transaction() as session:
            await session.execute(
                update(Conversation)
                .where(Conversation.lease_holder.is_not(None))
                .values(lease_until=utc_now() - timedelta(minutes=1))
            )
