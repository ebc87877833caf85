"""Locks of conversations: in the process, in a real Redis, and without it."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from bot import lock_store
from bot.lock_store import ConversationLocks, LockSettingsError
from tests.servers import Redis, running_redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def two(server: Redis) -> AsyncIterator[tuple[ConversationLocks, ConversationLocks]]:
    """The locks of two Rasas."""
    both = ConversationLocks(url=server.url()), ConversationLocks(url=server.url())
    yield both
    for locks in both:
        await locks.close()


class Watch:
    """Tells how many hold a lock at the same time."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.order: list[int] = []

    async def hold(self, locks: ConversationLocks, number: int, seconds: float = 0.01) -> None:
        async with locks.lock("c1.1"):
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(number)
            await asyncio.sleep(seconds)
            self.inside -= 1


async def test_one_at_a_time_in_one_process_and_in_order() -> None:
    locks, watch = ConversationLocks(url="memory://"), Watch()
    await asyncio.gather(*(watch.hold(locks, number) for number in range(10)))
    assert (watch.most, watch.order) == (1, list(range(10)))
    assert locks._own == {}


async def test_conversations_do_not_wait_for_each_other(two: tuple[ConversationLocks, ...]) -> None:
    async with two[0].lock("c1.1"), two[0].lock("c2.1"), two[1].lock("c3.1"):
        pass


async def test_one_at_a_time_in_two_processes(two: tuple[ConversationLocks, ...]) -> None:
    watch = Watch()
    await asyncio.gather(*(watch.hold(two[number % 2], number) for number in range(6)))
    assert (watch.most, len(watch.order)) == (1, 6)


async def test_lock_is_free_again_when_the_turn_fails_or_is_given_up(
    two: tuple[ConversationLocks, ...],
) -> None:
    with pytest.raises(RuntimeError):
        async with two[0].lock("c1.1"):
            raise RuntimeError("the turn failed")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(Watch().hold(two[0], 1, seconds=60), 0.2)
    await asyncio.wait_for(Watch().hold(two[1], 2), 1)


async def test_lock_of_a_living_turn_outlasts_its_lifetime(
    two: tuple[ConversationLocks, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_store, "_LIFETIME_MS", 400)
    monkeypatch.setattr(lock_store, "RENEW_SECONDS", 0.1)
    watch = Watch()
    await asyncio.gather(watch.hold(two[0], 1, seconds=1.2), watch.hold(two[1], 2))
    assert watch.most == 1


async def test_lock_of_a_killed_process_runs_out(server: Redis, two: tuple[ConversationLocks, ...]) -> None:
    killed = ConversationLocks(url=server.url())
    assert killed._redis is not None
    # Taken and never renewed or released: what SIGKILL leaves behind.
    assert await killed._redis._acquire("dragoman:turn:c1.1", "token of the dead")
    started = time.monotonic()
    await Watch().hold(two[0], 1)
    assert time.monotonic() - started < lock_store.LIFETIME_SECONDS + 1
    await killed.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "silent"])
async def test_without_redis_turns_go_on_and_with_it_they_wait_again(
    how: signal.Signals,
    server: Redis,
    two: tuple[ConversationLocks, ...],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(lock_store, "PAUSE_SECONDS", 0.2)
    locks = two[0]
    await Watch().hold(locks, 0)
    away(server, how)
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            started = time.monotonic()
            await Watch().hold(locks, number)
            assert time.monotonic() - started < 0.5 + 0.5
        watch = Watch()
        await asyncio.gather(*(watch.hold(locks, number) for number in range(5)))
        assert watch.most == 1
        back(server, how)
        assert await eventually_shared(two)
    told = [record.message.split(":")[0] for record in caplog.records if "Redis is" in record.message]
    assert told == ["Redis is away, locks are kept in this process alone", "Redis is back"]


def away(server: Redis, how: signal.Signals) -> None:
    if how is signal.SIGKILL:
        server.stop(signal.SIGKILL)
    else:
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)


def back(server: Redis, how: signal.Signals) -> None:
    if how is signal.SIGKILL:
        server.start()
    else:
        assert server.process is not None
        server.process.send_signal(signal.SIGCONT)


async def eventually_shared(two: tuple[ConversationLocks, ...]) -> bool:
    """Return True as soon as the lock of one keeps the other waiting."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        watch = Watch()
        await asyncio.gather(watch.hold(two[0], 1, seconds=0.3), watch.hold(two[1], 2, seconds=0.3))
        assert two[0]._redis is not None
        if watch.most == 1 and not two[0]._redis._is_away:
            return True
    return False


@pytest.mark.parametrize("url", ["localhost", "http://127.0.0.1", "rediss//x", "in_memory"])
def test_what_is_no_url_of_locks_is_refused(url: str) -> None:
    with pytest.raises(LockSettingsError, match="DRAGOMAN_BOT_LOCKS"):
        ConversationLocks(url=url)


def test_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAGOMAN_BOT_LOCKS", raising=False)
    assert ConversationLocks(endpoint_config=Any)._redis is None
    monkeypatch.setenv("DRAGOMAN_BOT_LOCKS", "redis://127.0.0.1:1/1")
    assert ConversationLocks(endpoint_config=Any)._redis is not None
