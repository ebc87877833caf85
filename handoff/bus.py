"""How the service's parts, and later its replicas, hear of each other's changes.

The bus is a wake-up call, never the truth: what it says is in the database already, and a subscriber
that missed something reads it there. Topics: `conversation:<id>`, `queue`, `turns`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Payload = dict[str, Any]

# A subscriber that is this far behind is told to read the database anew instead of growing memory.
QUEUE_LIMIT = 1000
RESYNC: Payload = {"type": "resync"}


class Subscription:
    """What one subscriber has not read yet."""

    def __init__(self) -> None:
        self._pending: asyncio.Queue[Payload] = asyncio.Queue()

    def put(self, payload: Payload) -> None:
        if self._pending.qsize() >= QUEUE_LIMIT:
            while not self._pending.empty():
                self._pending.get_nowait()
            payload = RESYNC
        self._pending.put_nowait(payload)

    async def get(self) -> Payload:
        """Wait for the next payload; `RESYNC` says that some were dropped."""
        return await self._pending.get()

    async def get_within(self, timeout_s: float) -> Payload | None:
        """Return the next payload, or None when the time is over."""
        try:
            return await asyncio.wait_for(self._pending.get(), timeout_s)
        except TimeoutError:
            return None

    def __aiter__(self) -> AsyncIterator[Payload]:
        return self

    async def __anext__(self) -> Payload:
        return await self.get()


class Bus(Protocol):
    async def start(self) -> None:
        """Begin to hear of what other processes publish."""

    async def publish(self, topic: str, payload: Payload) -> None:
        """Tell every subscriber of the topic; at most once, in order for one publisher. May be retried."""

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[Subscription]:
        """Open a `Subscription` to the topics for as long as the block lasts."""

    async def close(self) -> None: ...


class InProcessBus:
    """The bus of the embedded set-up: one service process."""

    async def start(self) -> None:
        """Nothing to connect to."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = defaultdict(set)

    async def publish(self, topic: str, payload: Payload) -> None:
        for subscription in self._subscriptions.get(topic, ()):
            subscription.put(payload)

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Subscription]:
        subscription = Subscription()
        for topic in topics:
            self._subscriptions[topic].add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscriptions[topic].discard(subscription)
                if not self._subscriptions[topic]:
                    del self._subscriptions[topic]

    def resync(self) -> None:
        """Tell every subscriber that it may have missed something."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.put(RESYNC)

    async def close(self) -> None:
        self._subscriptions.clear()


class RedisBus:
    """The bus of many service processes: what one publishes, all hear, through Redis.

    A process's own subscribers hear at once and also while Redis is away; those of the others are told to
    resync when it is back. Redis keeps nothing: the truth is in the database.
    """

    CHANNEL = "dragoman:bus"
    RECONNECT_AFTER_S = 0.5

    def __init__(self, url: str) -> None:
        self._here = InProcessBus()
        self._sender = uuid.uuid4().hex
        self._redis: Redis = Redis.from_url(
            url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=15
        )
        # A socket time-out would end the endless listening of the subscription.
        self._listening: Redis = Redis.from_url(url, socket_connect_timeout=2, health_check_interval=15)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="redis-bus")

    async def publish(self, topic: str, payload: Payload) -> None:
        await self._here.publish(topic, payload)
        envelope = json.dumps({"sender": self._sender, "topic": topic, "payload": payload})
        try:
            await self._redis.publish(self.CHANNEL, envelope)
        except RedisError as error:
            # The other processes read the database when Redis is back, and poll for turns meanwhile.
            logger.warning("redis is away, %s was told to this process only: %s", topic.split(":")[0], error)

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[Subscription]:
        return self._here.subscribe(*topics)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._listening.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self.CHANNEL)
                    # What was said while nobody listened is lost: everybody looks for themselves.
                    self._here.resync()
                    async for message in pubsub.listen():
                        envelope = json.loads(message["data"])
                        if envelope["sender"] != self._sender:
                            await self._here.publish(envelope["topic"], envelope["payload"])
            except (RedisError, OSError) as error:
                logger.warning("redis is away: %s", error)
            await asyncio.sleep(self.RECONNECT_AFTER_S)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._redis.aclose()
        await self._listening.aclose()
        await self._here.close()


class UnknownBusError(ValueError):
    """The setting `bus_url` names a bus that does not exist."""


def make_bus(url: str) -> Bus:
    """Return the bus for a URL.

    Raises:
        UnknownBusError: The scheme is none that is known.
    """
    if url == "memory://":
        return InProcessBus()
    if url.startswith(("redis://", "rediss://")):
        return RedisBus(url)
    raise UnknownBusError(f"DRAGOMAN_BUS_URL={url!r}: known are memory:// and redis://host:port")
