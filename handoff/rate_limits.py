"""Limits on how often something may be asked, per key (address, conversation), in this process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from handoff.errors import RateLimitedError

# More keys than this are not remembered: the longest idle goes first, which had the fullest bucket.
MAX_KEYS = 50_000


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
        now = self._now()
        tokens, since = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        is_allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if is_allowed else tokens, now)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        if not is_allowed:
            raise RateLimitedError(key, retry_after_s=max(1, round((1 - tokens) / self._rate)))


class RateLimits:
    """Every limit of the service."""

    def __init__(self, *, messages_per_minute: int, conversations_per_minute: int) -> None:
        self.messages = RateLimit(messages_per_minute)
        self.conversations = RateLimit(conversations_per_minute)
        self.sign_in = RateLimit(20)
        """By address; the account itself locks sooner (agents/service.py)."""
