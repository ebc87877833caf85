"""How the service's parts, and later its replicas, hear of each other's changes.

The bus is a wake-up call, never the truth: what it says is in the database already, and a subscriber
that missed something reads it there. Topics: `conversation:<id>`, `queue`, `turns`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

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
    async def publish(self, topic: str, payload: Payload) -> None:
        """Tell every subscriber of the topic; at most once, in order for one publisher. May be retried."""

    def subscribe(self, *topics: str) -> Any:
        """Return an async context manager of a `Subscription` to the topics."""

    async def close(self) -> None: ...


class InProcessBus:
    """The bus of the embedded set-up: one service process."""

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

    async def close(self) -> None:
        self._subscriptions.clear()


class UnknownBusError(ValueError):
    """The setting `bus_url` names a bus that does not exist."""


def make_bus(url: str) -> Bus:
    """Return the bus for a URL.

    Raises:
        UnknownBusError: The scheme is none that is known.
    """
    if url == "memory://":
        return InProcessBus()
    raise UnknownBusError(f"DRAGOMAN_BUS_URL={url!r}: known is memory://")
