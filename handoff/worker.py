"""The service's background work: taking turns as they come, watching those that wait, delivering."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable

from handoff.conversations import turn_repository
from handoff.conversations.outbox import Outbox
from handoff.conversations.service import conversation_topic
from handoff.conversations.stalls import StallWatch
from handoff.conversations.turns import Turn, TurnTaker
from handoff.database import Database
from handoff.errors import StorageUnavailableError
from telemetry import logs

logger = logging.getLogger(__name__)

# A message is answered by the process that received it, at once; polling finds what a crash left behind and
# what waits too long.
POLL_S = 0.5
# Between two times that SQLite's log is written back into its file.
CHECKPOINT_S = 5.0
# More conversations than this are not looked at in one poll; the longest waiting come first.
POLL_LIMIT = 2000


class Worker:
    """Runs until it is told to stop; what it was doing then is finished or left for the next start."""

    def __init__(
        self, database: Database, turns: TurnTaker, stalls: StallWatch, outbox: Outbox, concurrency: int
    ) -> None:
        self._database = database
        self._turns = turns
        self._stalls = stalls
        self._outbox = outbox
        self._limit = asyncio.Semaphore(concurrency)
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._next: dict[uuid.UUID, Turn] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._is_stopping = False

    async def start(self) -> None:
        if self._database.is_sqlite:
            async with self._database.transaction() as session:
                await turn_repository.clear_leases(session)
        self._loops = [
            asyncio.create_task(_repeat(POLL_S, self._look_at_turns), name="look-at-turns"),
            asyncio.create_task(_repeat(2 * POLL_S, self._deliver), name="deliver"),
        ]
        if self._database.is_sqlite:
            checkpoint = self._database.checkpoint
            self._loops.append(asyncio.create_task(_repeat(CHECKPOINT_S, checkpoint), name="checkpoint"))
        else:
            # The embedded database has one process: nobody else waits for its leases to end.
            every_s = self._turns.lease_s / 3
            self._loops.append(asyncio.create_task(_repeat(every_s, self._renew_leases), name="renew-leases"))

    async def stop(self, grace_s: float = 5.0) -> None:
        """End the loops; give turns under way a moment to finish."""
        self._is_stopping = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._running:
            await asyncio.wait(self.running_tasks(), timeout=grace_s)
        for task in self.running_tasks():
            task.cancel()
        await asyncio.gather(*self.running_tasks(), return_exceptions=True)
        try:
            async with self._database.transaction() as session:
                await turn_repository.release_leases(session, self._turns.holder)
        except StorageUnavailableError as error:
            logger.warning("the leases could not be given back, they run out by themselves: %s", error.detail)

    def running_tasks(self) -> list[asyncio.Task[None]]:
        """Return the turns under way."""
        return list(self._running.values())

    def start_turns(self, conversation_id: uuid.UUID, claimed: Turn | None = None) -> None:
        """Answer a conversation's pending messages, beginning with the turn that is claimed already."""
        if self._is_stopping:
            # Nobody would end this one any more; whoever gets the lease goes on.
            return
        if conversation_id not in self._running:
            with logs.bound(conversation_id=conversation_id):
                task = asyncio.create_task(self._take_turns(conversation_id, claimed))
            self._running[conversation_id] = task
        elif claimed is not None:
            # The one before has written its outcome, and only its task is not over yet.
            self._next[conversation_id] = claimed

    async def _take_turns(self, conversation_id: uuid.UUID, claimed: Turn | None) -> None:
        try:
            async with self._limit:
                await self._turns.take_turns(conversation_id, claimed)
        except StorageUnavailableError as error:
            logger.warning("a turn of conversation %s waits for the database: %s", conversation_id, error)
            # What can't be written down can still be said: the customer's message was accepted.
            await self._database.bus.publish_here(conversation_topic(conversation_id), {"type": "trouble"})
        except Exception:
            # Nothing is lost: the message is still pending and the poll finds it again.
            logger.exception("a turn of conversation %s failed", conversation_id)
        finally:
            del self._running[conversation_id]
            claimed = self._next.pop(conversation_id, None)
            if claimed is not None:
                self.start_turns(conversation_id, claimed)

    async def _look_at_turns(self) -> None:
        async with self._database.reading() as session:
            pending = await turn_repository.list_pending_turns(session, self._turns.lease_s, POLL_LIMIT)
        for turn in pending:
            if turn.holder is None or turn.holder == self._turns.holder:
                self.start_turns(turn.conversation_id)
        await self._stalls.look(pending)

    async def _renew_leases(self) -> None:
        if self._running:
            async with self._database.transaction() as session:
                await turn_repository.renew_leases(
                    session, list(self._running), self._turns.holder, self._turns.lease_s
                )

    async def _deliver(self) -> None:
        while await self._outbox.deliver_due():
            pass


async def _repeat(every_s: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except StorageUnavailableError as error:
            logger.warning("%s waits for the database: %s", work.__name__, error.detail)
        except Exception:
            logger.exception("%s failed; it is tried again", work.__name__)
        await asyncio.sleep(every_s)
