"""Where waiting customers stand in the queue, worked out once a process for all of its open sockets."""

from __future__ import annotations

import asyncio
import logging
import uuid

from handoff.bus import Bus
from handoff.conversations.service import conversation_topic
from handoff.database import Database
from handoff.errors import StorageUnavailableError
from handoff.queue import repository
from handoff.queue.service import QUEUE_TOPIC

logger = logging.getLogger(__name__)

# A queue that changes faster than this is told in steps.
SETTLE_S = 0.5


class QueuePositions:
    """Tells this process's subscribers of a waiting conversation its place, whenever that is another one."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._positions: dict[uuid.UUID, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="queue-positions")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        async with self._bus.subscribe(QUEUE_TOPIC) as subscription:
            while True:
                await subscription.get()
                subscription.drop_pending()
                try:
                    await self._tell()
                except StorageUnavailableError as error:
                    logger.warning("places in the queue can't be read: %s", error.detail)
                await asyncio.sleep(SETTLE_S)

    async def _tell(self) -> None:
        async with self._database.reading() as session:
            waiting = await repository.list_waiting_conversations(session)
        positions = {conversation_id: place for place, conversation_id in enumerate(waiting, 1)}
        moved = [item for item in positions.items() if self._positions.get(item[0]) != item[1]]
        self._positions = positions
        for conversation_id, position in moved:
            await self._bus.publish_here(
                conversation_topic(conversation_id), {"type": "queue", "position": position}
            )
