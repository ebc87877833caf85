"""Token buckets: a burst, then the long-run rate, each key for itself."""

from __future__ import annotations

import pytest

from handoff.errors import RateLimitedError
from handoff.rate_limits import RateLimit


class Stopwatch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_burst_then_wait_then_again() -> None:
    stopwatch = Stopwatch()
    limit = RateLimit(60, burst=3, now=stopwatch)
    for _ in range(3):
        limit.check("a")
    with pytest.raises(RateLimitedError) as caught:
        limit.check("a")
    assert caught.value.retry_after_s == 1
    limit.check("b")
    stopwatch.now += 1.0
    limit.check("a")
    with pytest.raises(RateLimitedError):
        limit.check("a")


def test_waiting_long_fills_the_bucket_and_no_more() -> None:
    stopwatch = Stopwatch()
    limit = RateLimit(60, burst=2, now=stopwatch)
    limit.check("a")
    stopwatch.now += 3600
    limit.check("a")
    limit.check("a")
    with pytest.raises(RateLimitedError):
        limit.check("a")
