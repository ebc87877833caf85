"""Who is here, over a bus in this process: tabs, processes, silence, and what is told of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from handoff.bus import QUEUE_LIMIT, RESYNC, Bus, InProcessBus, Payload
from handoff.presence import TOPIC, Kind, Presence

NOA = uuid.uuid4()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"BEAT_S": 0.1, "SILENT_FOR_S": 0.8, "LINGER_S": 0.05, "NOTED_FOR_S": 0.2, "CLOSE_WITHIN_S": 0.1}
    for name, seconds in times.items():
        monkeypatch.setattr(f"handoff.presence.{name}", seconds)


@asynccontextmanager
async def presence(bus: Bus) -> AsyncIterator[Presence]:
    started = Presence(bus)
    await started.start()
    yield started
    await started.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.005)


async def test_customer_is_here_until_the_last_tab_is_closed() -> None:
    async with presence(InProcessBus()) as here:
        async with here.here(Kind.CUSTOMER, NOA):
            async with here.here(Kind.CUSTOMER, NOA):
                assert here.is_here(Kind.CUSTOMER, NOA)
            await asyncio.sleep(0.1)
            assert here.is_here(Kind.CUSTOMER, NOA)
            assert here.list_here(Kind.CUSTOMER) == {NOA}
            assert not here.is_here(Kind.AGENT, NOA)
            assert here.list_here(Kind.AGENT) == set()
        await until(lambda: not here.is_here(Kind.CUSTOMER, NOA))
        assert here.list_here(Kind.CUSTOMER) == set()


async def test_going_from_page_to_page_is_not_leaving() -> None:
    async with presence(InProcessBus()) as here, here.subscribe() as changes:
        for _ in range(3):
            async with here.here(Kind.CUSTOMER, NOA):
                pass
        assert (await changes.get_within(1) or {})["present"] is True
        assert await changes.get_within(1) == {
            "type": "presence",
            "kind": "customer",
            "id": str(NOA),
            "present": False,
        }
        assert await changes.get_within(0.05) is None


async def test_noted_agent_is_here_for_a_while_and_each_time_anew() -> None:
    async with presence(InProcessBus()) as here:
        here.note(Kind.AGENT, NOA)
        await asyncio.sleep(0.15)
        here.note(Kind.AGENT, NOA)
        await asyncio.sleep(0.15)
        assert here.is_here(Kind.AGENT, NOA)
        await until(lambda: not here.is_here(Kind.AGENT, NOA))
        here.note(Kind.AGENT, NOA)
        here.forget(Kind.AGENT, NOA)
        here.forget(Kind.AGENT, NOA)
        assert not here.is_here(Kind.AGENT, NOA)


async def test_closing_a_page_leaves_the_longer_note() -> None:
    async with presence(InProcessBus()) as here:
        here.note(Kind.AGENT, NOA)
        async with here.here(Kind.AGENT, NOA):
            here.forget(Kind.AGENT, NOA)
            assert here.is_here(Kind.AGENT, NOA), "the page is still open"
            here.note(Kind.AGENT, NOA)
        await asyncio.sleep(0.1)
        assert here.is_here(Kind.AGENT, NOA)


async def test_processes_know_of_each_other_at_once() -> None:
    bus = InProcessBus()
    async with presence(bus) as one, presence(bus) as two, two.subscribe() as changes:
        async with one.here(Kind.CUSTOMER, NOA):
            assert (await changes.get_within(1) or {})["present"] is True
            assert two.is_here(Kind.CUSTOMER, NOA)
            async with two.here(Kind.CUSTOMER, NOA), presence(bus) as late:
                await until(lambda: late.is_here(Kind.CUSTOMER, NOA))
        assert (await changes.get_within(1) or {})["present"] is False
        await until(lambda: not one.is_here(Kind.CUSTOMER, NOA))


async def test_people_of_a_process_that_ends_are_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handoff.presence.SILENT_FOR_S", 60)
    bus = InProcessBus()
    async with presence(bus) as two:
        async with presence(bus) as one, one.here(Kind.CUSTOMER, NOA):
            await until(lambda: two.is_here(Kind.CUSTOMER, NOA))
        await until(lambda: not two.is_here(Kind.CUSTOMER, NOA))


async def test_people_of_a_process_that_falls_silent_are_forgotten() -> None:
    bus = InProcessBus()
    async with presence(bus) as two, two.subscribe() as changes:
        await until(lambda: TOPIC in bus._subscriptions)
        silent = {"type": "people", "process": "silent"}
        await bus.publish(TOPIC, {**silent, "here": [f"customer:{NOA}"], "asks": False})
        assert (await changes.get_within(1) or {})["present"] is True
        assert (await changes.get_within(1) or {})["present"] is False
        assert not two._elsewhere
        assert not two._silences


async def test_beats_keep_those_who_stay_and_mend_what_was_missed() -> None:
    bus = Deaf()
    async with presence(bus) as one, presence(bus) as two, one.here(Kind.CUSTOMER, NOA):
        await until(lambda: two.is_here(Kind.CUSTOMER, NOA))
        async with two.subscribe() as changes:
            assert await changes.get_within(1) is None, "nobody comes or goes"
        bus.is_deaf = True
        ana = uuid.uuid4()
        async with one.here(Kind.CUSTOMER, ana):
            await until(lambda: not two.is_here(Kind.CUSTOMER, NOA))
            assert one.is_here(Kind.CUSTOMER, NOA), "a process goes on with what it knows itself"
            bus.is_deaf = False
            await until(lambda: two.list_here(Kind.CUSTOMER) == {NOA, ana})


async def test_bus_that_was_away_has_everybody_told_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handoff.presence.BEAT_S", 60)
    bus = Deaf()
    async with presence(bus) as one, presence(bus) as two:
        await until(lambda: len(two._elsewhere) == 1)
        bus.is_deaf = True
        async with one.here(Kind.CUSTOMER, NOA):
            await until(lambda: not one._is_changed.is_set())
            bus.is_deaf = False
            bus.resync()
            await until(lambda: two.is_here(Kind.CUSTOMER, NOA))


async def test_bus_that_hangs_holds_nobody_up() -> None:
    bus = Hanging()
    async with presence(bus) as here, here.subscribe() as changes, here.here(Kind.CUSTOMER, NOA):
        assert (await changes.get_within(0.5) or {})["present"] is True
        assert here.is_here(Kind.CUSTOMER, NOA)


async def test_listener_far_behind_is_told_to_look_anew() -> None:
    async with presence(InProcessBus()) as here, here.subscribe() as slow:
        for _ in range(QUEUE_LIMIT + 1):
            here.note(Kind.AGENT, NOA)
            here.forget(Kind.AGENT, NOA)
        assert await slow.get() == RESYNC


class Deaf(InProcessBus):
    """A bus that may lose everything that is published."""

    is_deaf = False

    async def publish(self, topic: str, payload: Payload) -> None:
        if not self.is_deaf:
            await super().publish(topic, payload)


class Hanging(InProcessBus):
    """A bus on which publishing takes for ever."""

    async def publish(self, topic: str, payload: Payload) -> None:
        await asyncio.Event().wait()
