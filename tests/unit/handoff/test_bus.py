"""The in-process bus: to every subscriber of the topic, in order, and never without bound."""

from __future__ import annotations

import pytest

from handoff.bus import QUEUE_LIMIT, RESYNC, InProcessBus, UnknownBusError, make_bus


async def test_subscribers_of_the_topic_hear_in_order() -> None:
    bus = InProcessBus()
    async with bus.subscribe("a") as first, bus.subscribe("a", "b") as second:
        for number in range(3):
            await bus.publish("a", {"n": number})
        await bus.publish("b", {"n": 9})
        assert [(await first.get())["n"] for _ in range(3)] == [0, 1, 2]
        assert [(await second.get())["n"] for _ in range(4)] == [0, 1, 2, 9]
        assert await first.get_within(0.01) is None


async def test_subscriber_far_behind_is_told_to_resync() -> None:
    bus = InProcessBus()
    async with bus.subscribe("a") as slow:
        for number in range(QUEUE_LIMIT + 1):
            await bus.publish("a", {"n": number})
        assert await slow.get() == RESYNC
        assert await slow.get_within(0.01) is None


async def test_nothing_is_kept_for_nobody() -> None:
    bus = InProcessBus()
    async with bus.subscribe("a"):
        pass
    await bus.publish("a", {"n": 1})
    assert not bus._subscriptions.get("a")


def test_unknown_bus_is_named() -> None:
    with pytest.raises(UnknownBusError, match="DRAGOMAN_BUS_URL"):
        make_bus("carrier-pigeon://")
