"""How the service's parts, and later its replicas, hear of each other's changes.

The bus is a wake-up call, never the truth: what it says is in the database already, and a subscriber
that missed something reads it there. Topics: `conversation:<id>`, `queue`, `turns`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from handoff import metrics

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
            self.drop_pending()
            payload = RESYNC
        self._pending.put_nowait(payload)

    async def get(self) -> Payload:
        """Wait for the next payload; `RESYNC` says that some were dropped."""
        return await self._pending.get()

    def drop_pending(self) -> None:
        """Forget what is not read yet: for who only wants to know that there was something."""
        while not self._pending.empty():
            self._pending.get_nowait()

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

    async def publish_here(self, topic: str, payload: Payload) -> None:
        """Tell the subscribers in this process only."""

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

    async def publish_here(self, topic: str, payload: Payload) -> None:
        await self.publish(topic, payload)

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
    RECONNECT_AFTER_S = 1.0
    PING_EVERY_S = 5.0
    OUTGOING_LIMIT = 10_000
    SILENT_FOR_S = 15.0

    def __init__(self, url: str) -> None:
        self._here = InProcessBus()
        self._sender = uuid.uuid4().hex
        self._redis: Redis = Redis.from_url(
            url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=15
        )
        # A socket time-out would end the endless listening of the subscription.
        self._listening: Redis = Redis.from_url(url, socket_connect_timeout=2, health_check_interval=15)
        self._outgoing: deque[str] = deque(maxlen=self.OUTGOING_LIMIT)
        self._has_outgoing = asyncio.Event()
        self._owes_resync = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._listen(), name="redis-listen"),
            asyncio.create_task(self._send(), name="redis-send"),
        ]

    async def publish(self, topic: str, payload: Payload) -> None:
        await self._here.publish(topic, payload)
        # Sent by a task of its own: nobody who writes waits for Redis.
        self._outgoing.append(self._seal(topic, payload))
        self._has_outgoing.set()

    async def publish_here(self, topic: str, payload: Payload) -> None:
        await self._here.publish(topic, payload)

    def _seal(self, topic: str | None, payload: Payload) -> str:
        return json.dumps({"sender": self._sender, "topic": topic, "payload": payload})

    async def _send(self) -> None:
        while True:
            await self._has_outgoing.wait()
            try:
                await self._flush()
            except (RedisError, OSError) as error:
                # Who did not hear it is told to look when Redis is back.
                self._owes_resync = True
                metrics.BUS_FAILURES.inc()
                logger.warning("redis is away, only this process was told: %s", error)
                await asyncio.sleep(self.RECONNECT_AFTER_S)
                self._has_outgoing.set()

    async def _flush(self) -> None:
        self._has_outgoing.clear()
        batch = list(self._outgoing)
        self._outgoing.clear()
        if self._owes_resync:
            batch.insert(0, self._seal(None, RESYNC))
        if batch:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for envelope in batch:
                    pipeline.publish(self.CHANNEL, envelope)
                await pipeline.execute()
        self._owes_resync = False

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[Subscription]:
        return self._here.subscribe(*topics)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._listening.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self.CHANNEL)
                    # What was said while nobody listened is lost: everybody looks for themselves.
                    self._here.resync()
                    await self._pass_on(pubsub)
            except (RedisError, OSError) as error:
                logger.warning("redis is away: %s", error)
            # Until it is back, what other processes write is found by looking.
            self._here.resync()
            await asyncio.sleep(self.RECONNECT_AFTER_S)

    async def _pass_on(self, pubsub: PubSub) -> None:
        """Tell this process's subscribers what the others publish; ends when Redis falls silent."""
        heard_at = time.monotonic()
        while time.monotonic() - heard_at < self.SILENT_FOR_S:
            message = await pubsub.get_message(timeout=self.PING_EVERY_S)
            if message is None:
                # A half-open connection looks like a quiet one until it owes an answer.
                await pubsub.ping()
                continue
            heard_at = time.monotonic()
            if message["type"] == "message":
                envelope = json.loads(message["data"])
                if envelope["topic"] is None:
                    self._here.resync()
                elif envelope["sender"] != self._sender:
                    await self._here.publish(envelope["topic"], envelope["payload"])
        raise ConnectionError(f"silent for {self.SILENT_FOR_S} s")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await asyncio.wait_for(self._flush(), self.RECONNECT_AFTER_S)
        except (RedisError, OSError) as error:
            logger.warning("the last words did not reach redis: %s", error)
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
