"""The breaker opens after failures in a row, lets single probes through, and closes at a success."""

from __future__ import annotations

from handoff.bot_client import CircuitBreaker


class Watch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _opened(watch: Watch) -> CircuitBreaker:
    breaker = CircuitBreaker(watch)
    for _ in range(CircuitBreaker.FAILURES_TO_OPEN):
        assert breaker.allows()
        breaker.fail()
    return breaker


def test_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = CircuitBreaker(Watch())
    for _ in range(3 * CircuitBreaker.FAILURES_TO_OPEN):
        for _ in range(CircuitBreaker.FAILURES_TO_OPEN - 1):
            breaker.fail()
        breaker.succeed()
    assert breaker.allows()
    assert breaker.open_for_s() == 0


def test_open_breaker_lets_one_probe_a_second_through() -> None:
    watch = Watch()
    breaker = _opened(watch)
    assert not breaker.allows()
    watch.now += CircuitBreaker.PROBE_EVERY_S
    assert breaker.allows()
    assert not breaker.allows(), "one probe at a time"
    breaker.fail()
    assert not breaker.allows()
    watch.now += CircuitBreaker.PROBE_EVERY_S
    assert breaker.allows()
    breaker.succeed()
    assert breaker.allows()
    assert breaker.allows()


def test_cancelled_probe_does_not_keep_the_breaker_open() -> None:
    watch = Watch()
    breaker = _opened(watch)
    watch.now += CircuitBreaker.PROBE_EVERY_S
    assert breaker.allows()
    breaker.forget()
    assert breaker.allows()


def test_time_down_counts_from_the_first_failure() -> None:
    watch = Watch()
    breaker = CircuitBreaker(watch)
    for _ in range(CircuitBreaker.FAILURES_TO_OPEN):
        breaker.fail()
        watch.now += 8
    assert breaker.open_for_s() == 8 * CircuitBreaker.FAILURES_TO_OPEN
    breaker.succeed()
    assert breaker.open_for_s() == 0
