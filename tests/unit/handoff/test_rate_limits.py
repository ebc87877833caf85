"""Token buckets: a burst, then the long-run rate, each key for itself."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from handoff.errors import RateLimitedError
from handoff.rate_limits import Backpressure, BusyError, RateLimit, SharedLimit


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


def test_limit_of_zero_is_none() -> None:
    limit = RateLimit(0)
    for _ in range(1000):
        limit.check("a")
    shared = SharedLimit(0)
    with ExitStack() as held:
        for _ in range(1000):
            held.enter_context(shared.hold("a"))
        assert shared.total == 1000


def test_keys_without_end_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handoff.rate_limits.MAX_KEYS", 10)
    limit = RateLimit(60)
    for number in range(1000):
        limit.check(str(number))
    assert len(limit._buckets) == 10


def test_so_many_at_the_same_time_and_free_when_they_end() -> None:
    shared = SharedLimit(2)
    with shared.hold("a"), shared.hold("a"):
        with pytest.raises(RateLimitedError), shared.hold("a"):
            pass
        with shared.hold("b"):
            assert shared.total == 3
    with shared.hold("a"):
        assert shared.total == 1
    assert shared._held == {}


async def test_backpressure_asks_once_a_second_and_counts_in_between() -> None:
    stopwatch = Stopwatch()
    asked: list[int] = []

    async def count() -> int:
        asked.append(8)
        return 8

    pressure = Backpressure(10, count, stopwatch)
    await pressure.check()
    await pressure.check()
    with pytest.raises(BusyError) as busy:
        await pressure.check()
    assert (busy.value.code, busy.value.status, busy.value.retry_after_s) == ("busy", 429, 5)
    assert len(asked) == 1
    stopwatch.now += 1
    await pressure.check()
    assert len(asked) == 2


async def test_backpressure_counts_those_who_come_while_it_asks() -> None:
    may_answer = asyncio.Event()

    async def count() -> int:
        await may_answer.wait()
        return 0

    pressure = Backpressure(2, count)
    checks = [asyncio.create_task(pressure.check()) for _ in range(5)]
    await asyncio.sleep(0)
    may_answer.set()
    results = await asyncio.gather(*checks, return_exceptions=True)
    assert sum(isinstance(result, BusyError) for result in results) == 3
