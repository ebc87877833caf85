"""Whatever customer, bot, agents, time and trouble do in whatever order: the promises hold.

`HYPOTHESIS_PROFILE=long` tries thousands of orders; without it the same few are tried every time.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from handoff.settings import Settings
from tests.integration.handoff.conftest import make_settings
from tests.integration.handoff.state import conversation_machine
from tests.integration.handoff.state.conversation_machine import ConversationMachine
from tests.integration.handoff.state.world import World
from tests.servers import Postgres, Redis

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
NO_LIMITS = {
    "bot_delayed_after_s": conversation_machine.DELAYED_AFTER_S,
    "bot_patience_s": conversation_machine.PATIENCE_S,
    "messages_per_minute": 0,
    "address_messages_per_minute": 0,
    "frames_per_minute": 0,
    "conversations_per_minute": 0,
    "agent_calls_per_minute": 0,
    "sockets_per_address": 0,
}


def profile(examples: int) -> settings:
    return settings(
        max_examples=5000 if IS_LONG else examples,
        # Many short ones meet more of what is rare than few long ones.
        stateful_step_count=30 if IS_LONG else 12,
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )


@contextmanager
def machine_of(settings: Settings, replicas: int) -> Iterator[type[ConversationMachine]]:
    """The machine, with replicas that live as long as the block."""
    with asyncio.Runner() as runner:
        world = World(settings, replicas)

        class Machine(ConversationMachine):
            pass

        Machine.world, Machine.loop = world, runner.get_loop()
        try:
            runner.run(world.start())
            yield Machine
        finally:
            runner.run(world.stop())


@pytest.fixture(autouse=True)
def quick_and_quiet(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    # Trouble is the point of these tests: nobody reads ten thousand lines about it.
    caplog.set_level(logging.CRITICAL, "handoff")
    monkeypatch.setattr("handoff.conversations.turns.RETRY_DELAYS_S", (0.001, 0.002))
    # The test looks itself, one look at a time; a second one at work beside it may be older than the first.
    monkeypatch.setattr("handoff.worker.POLL_S", 3600.0)
    # The console's framework can live in a process once.
    monkeypatch.setattr("handoff.app.console.mount", lambda app: None)


def test_promises_hold_on_the_embedded_database(tmp_path: Path) -> None:
    with machine_of(make_settings(tmp_path, **NO_LIMITS), replicas=1) as machine:
        run_state_machine_as_test(machine, settings=profile(examples=30))


def test_promises_hold_on_two_replicas(postgres: Postgres, redis: Redis, tmp_path: Path) -> None:
    postgres.create_database("state")
    many = {"database_url": postgres.url("state", "postgresql+asyncpg"), "bus_url": redis.url()}
    with machine_of(make_settings(tmp_path, **NO_LIMITS, **many), replicas=2) as machine:
        run_state_machine_as_test(machine, settings=profile(examples=30))
