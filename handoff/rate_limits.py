"""Limits on what a stranger may ask of the service: how often, how much at once, and how much in all.

Each process counts for itself: with several replicas a caller may get as many times the limit as there are
replicas. A limit of 0 is none.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from handoff.errors import RateLimitedError
from handoff.settings import Settings

# More keys than this are not remembered: the longest idle goes first, which had the fullest bucket.
MAX_KEYS = 50_000
# A socket that is refused because of the others comes back when one of them may have gone.
SOCKET_RETRY_S = 30
# How old the count of pending turns may be.
COUNT_EVERY_S = 1.0
BUSY_RETRY_S = 5


class BusyError(RateLimitedError):
    """The service has more to answer than it takes on; nothing that the caller did."""

    code = "busy"


def network_of(address: str) -> str:
    """Return what one caller has of addresses: an IPv4 address, or the /64 of an IPv6 one (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class RateLimit:
    """A token bucket for every key: `burst` at once, `per_minute` in the long run."""

    def __init__(
        self, per_minute: float, burst: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = per_minute / 60
        self._burst = float(burst if burst is not None else max(1, int(per_minute)))
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Take one token.

        Raises:
            RateLimitedError: There is none; carries the wait in seconds.
        """
        if not self._rate:
            return
        now = self._now()
        tokens, since = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        is_allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if is_allowed else tokens, now)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        if not is_allowed:
            raise RateLimitedError(key, retry_after_s=max(1, round((1 - tokens) / self._rate)))


class SharedLimit:
    """So many at the same time for every key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, int] = {}

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Be one of them until the block ends.

        Raises:
            RateLimitedError: There are as many as there may be.
        """
        held = self._held.get(key, 0)
        if self._most and held >= self._most:
            raise RateLimitedError(key, retry_after_s=SOCKET_RETRY_S)
        self._held[key] = held + 1
        try:
            yield
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    @property
    def total(self) -> int:
        """How many there are now, of all keys."""
        return sum(self._held.values())


class Backpressure:
    """Says no while more turns are pending than the service takes on, so that no queue grows without end.

    `count` asks the database, which every replica shares, once a second at the most; in between this process
    counts what it lets through.
    """

    def __init__(
        self, most: int, count: Callable[[], Awaitable[int]], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._count = count
        self._now = now
        self._counted = 0
        self._let_in = 0
        self._counted_at = -COUNT_EVERY_S

    async def check(self) -> None:
        """Let one more message in.

        Raises:
            BusyError: Too many are pending.
        """
        if not self._most:
            return
        if self._now() - self._counted_at >= COUNT_EVERY_S:
            self._counted_at = self._now()
            # Before the question, not after: who comes while it is asked is counted too.
            self._let_in = 0
            self._counted = await self._count()
        if self._counted + self._let_in >= self._most:
            raise BusyError(f"{self._counted} turns pending", retry_after_s=BUSY_RETRY_S)
        self._let_in += 1


class RateLimits:
    """Every limit of the service."""

    def __init__(self, settings: Settings, count_pending_turns: Callable[[], Awaitable[int]]) -> None:
        self.messages = RateLimit(settings.messages_per_minute)
        """By conversation, and by contact: a signed-in customer may have several conversations."""
        self.address_messages = RateLimit(settings.address_messages_per_minute)
        self.frames = RateLimit(settings.frames_per_minute)
        """By conversation: typing, receipts, pings, leaving the queue, and what is no frame at all."""
        self.conversations = RateLimit(settings.conversations_per_minute)
        """By address, and by signed-in customer."""
        self.sockets = SharedLimit(settings.sockets_per_conversation)
        """By conversation."""
        self.address_sockets = SharedLimit(settings.sockets_per_address)
        # Opening one costs a handshake and two reads, also when it is refused in the end.
        self.handshakes = RateLimit(10 * settings.sockets_per_address)
        """By address."""
        self.sign_in = RateLimit(settings.sign_ins_per_minute)
        """By address; the account itself locks sooner (agents/service.py)."""
        self.agent_calls = RateLimit(settings.agent_calls_per_minute)
        """By agent: calls of the API that change something, and everything done or opened in the console."""
        self.backpressure = Backpressure(settings.max_pending_turns, count_pending_turns)
