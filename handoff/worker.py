"""The service's background work: taking turns as they come, and delivering what channels push."""

from __future__ import annotations

import asyncio
import logging
import uuid

from handoff.bus import Bus
from handoff.clock import utc_now
from handoff.conversations import repository
from handoff.conversations.outbox import Outbox
from handoff.conversations.service import TURNS_TOPIC
from handoff.conversations.turns import TurnTaker
from handoff.database import Database

logger = logging.getLogger(__name__)

# The bus wakes the worker; polling finds what a crash or a lost wake-up left behind.
POLL_S = 1.0


class Worker:
    """Runs until it is told to stop; what it was doing then is finished or left for the next start."""

    def __init__(
        self, database: Database, bus: Bus, turns: TurnTaker, outbox: Outbox, concurrency: int
    ) -> None:
        self._database = database
        self._bus = bus
        self._turns = turns
        self._outbox = outbox
        self._limit = asyncio.Semaphore(concurrency)
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._again: set[uuid.UUID] = set()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        if self._database.is_sqlite:
            async with self._database.transaction() as session:
                await repository.clear_leases(session)
        self._loops = [
            asyncio.create_task(self._hear_of_turns(), name="hear-of-turns"),
            asyncio.create_task(self._find_turns(), name="find-turns"),
            asyncio.create_task(self._deliver(), name="deliver"),
        ]

    async def stop(self, grace_s: float = 5.0) -> None:
        """End the loops; give turns under way a moment to finish."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._running:
            await asyncio.wait(self.running_tasks(), timeout=grace_s)
        for task in self.running_tasks():
            task.cancel()
        await asyncio.gather(*self.running_tasks(), return_exceptions=True)
        async with self._database.transaction() as session:
            await repository.release_leases(session, self._turns.holder)

    def running_tasks(self) -> list[asyncio.Task[None]]:
        """Return the turns under way."""
        return list(self._running.values())

    def start_turns(self, conversation_id: uuid.UUID) -> None:
        """Answer a conversation's pending messages, now or right after what is being answered in it."""
        if conversation_id in self._running:
            self._again.add(conversation_id)
            return
        self._running[conversation_id] = asyncio.create_task(self._take_turns(conversation_id))

    async def _take_turns(self, conversation_id: uuid.UUID) -> None:
        try:
            async with self._limit:
                await self._turns.take_turns(conversation_id)
        except Exception:
            # Nothing is lost: the message is still pending and the poll finds it again.
            logger.exception("a turn of conversation %s failed", conversation_id)
        finally:
            del self._running[conversation_id]
            if conversation_id in self._again:
                self._again.discard(conversation_id)
                self.start_turns(conversation_id)

    async def _hear_of_turns(self) -> None:
        async with self._bus.subscribe(TURNS_TOPIC) as subscription:
            async for payload in subscription:
                if payload["type"] == "turn":
                    self.start_turns(uuid.UUID(payload["conversation_id"]))

    async def _find_turns(self) -> None:
        while True:
            try:
                async with self._database.reading() as session:
                    due = await repository.list_due_conversations(session, utc_now(), limit=500)
                for conversation_id in due:
                    self.start_turns(conversation_id)
            except Exception:
                logger.exception("looking for turns failed; trying again")
            await asyncio.sleep(POLL_S)

    async def _deliver(self) -> None:
        while True:
            try:
                while await self._outbox.deliver_due():
                    pass
            except Exception:
                logger.exception("delivering failed; trying again")
            await asyncio.sleep(POLL_S)
