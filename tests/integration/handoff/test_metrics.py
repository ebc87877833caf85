"""What the service counts of real conversations, and who may read it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from handoff.bot_client import CircuitBreaker, HttpBotClient, TurnRequest
from handoff.errors import BotUnavailableError, StorageUnavailableError
from handoff.settings import Settings
from handoff.testing import FakeBot
from tests.integration.handoff.conftest import SECRET, Running, make_settings, running_service

TOKEN = "a-token-for-the-tests"


class Scrape:
    """The figures at one moment; what is not there is 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._values = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def get(self, name: str, **labels: str) -> float:
        return self._values.get((f"dragoman_{name}", tuple(sorted(labels.items()))), 0.0)


async def scrape(service: Running) -> Scrape:
    response = await service.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200, response.text
    return Scrape(response.text)


def with_token(folder: Path, **changes: Any) -> Settings:
    return make_settings(folder, metrics_token=TOKEN, **changes)


async def test_metrics_are_not_there_without_a_token_of_their_own(service: Running) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer None"}):
        assert (await service.http.get("/metrics", headers=headers)).status_code == 404


async def test_metrics_are_for_who_shows_the_token_alone(tmp_path: Path, bot: FakeBot) -> None:
    async with running_service(with_token(tmp_path), bot) as service:
        for wrong in ("", TOKEN, f"Bearer {TOKEN}x", "Bearer wrong", "Bearer é"):
            headers = {"Authorization": wrong.encode()}
            assert (await service.http.get("/metrics", headers=headers)).status_code == 401
        agent = await service.sign_in()
        assert (await agent.get("/metrics")).status_code == 401
        await scrape(service)
        assert "/metrics" not in service.app.openapi()["paths"]


@pytest.mark.parametrize("token", ["short", "x" * 15])
def test_short_token_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(ValueError, match="16 characters"):
        make_settings(tmp_path, metrics_token=token)


def test_empty_token_is_none(tmp_path: Path) -> None:
    assert make_settings(tmp_path, metrics_token="").metrics_token is None


async def test_conversation_is_counted_from_message_to_handoff(tmp_path: Path, bot: FakeBot) -> None:
    async with running_service(with_token(tmp_path), bot) as service:
        before = await scrape(service)
        customer = await service.open_customer()
        await customer.say("one", message_id="1")
        await customer.hear("bot")
        await customer.say("one", message_id="1")
        await customer.wait_for(lambda frame: frame["type"] == "accepted")
        await customer.say("agent")
        await customer.hear("notice")
        # Whoever waits now writes to nobody: no turn.
        await customer.say("hello?")
        await customer.wait_for(lambda frame: frame["type"] == "accepted")
        after = await scrape(service)

        def grown(name: str, **labels: str) -> float:
            return after.get(name, **labels) - before.get(name, **labels)

        assert grown("messages_total", channel="web", author="customer") == 3, "a repeat is no message"
        assert grown("messages_total", channel="web", author="bot") == 1
        assert grown("messages_total", channel="web", author="notice") == 1
        assert grown("turns_total", outcome="answered") == 1
        assert grown("turns_total", outcome="handed_off") == 1
        assert grown("reply_seconds_count") == 2
        assert 0 < grown("reply_seconds_sum") < 10
        assert grown("handoffs_total", reason="requested") == 1
        assert grown("sockets_open") == 1
        assert after.get("queue_length", priority="normal") == 1
        assert after.get("queue_length", priority="urgent") == 0
        assert 0 < after.get("queue_oldest_seconds") < 60
        assert after.get("turns_pending") == 0
        await customer.disconnect()


async def test_turn_under_way_is_pending(tmp_path: Path) -> None:
    bot = FakeBot(delay_s=1.0)
    async with running_service(with_token(tmp_path), bot) as service:
        customer = await service.open_customer()
        await customer.say("hello")
        await customer.wait_for(lambda frame: frame["type"] == "accepted")
        pending = await scrape(service)
        assert pending.get("turns_pending") == 1
        assert 0 < pending.get("turn_oldest_seconds") < 60
        await customer.hear("bot")
        assert (await scrape(service)).get("turns_pending") == 0


async def test_refusals_are_counted_by_code(tmp_path: Path, bot: FakeBot) -> None:
    async with running_service(with_token(tmp_path, messages_per_minute=1), bot) as service:
        before = await scrape(service)
        customer = await service.open_customer()
        for text in ("one", "two"):
            await customer.say(text)
        await customer.wait_for(lambda frame: frame["type"] == "error")
        after = await scrape(service)
        refused = "refusals_total"
        assert after.get(refused, code="rate_limited") - before.get(refused, code="rate_limited") == 1


async def test_bot_that_is_away_shows_in_calls_and_breaker(tmp_path: Path) -> None:
    bot = HttpBotClient("http://127.0.0.1:9", SECRET, 1.0)
    async with running_service(with_token(tmp_path), bot) as service:
        before = await scrape(service)
        assert before.get("breaker_open") == 0
        request = TurnRequest(sender_id="c1.1", message_id="m1", text="hello", metadata={})
        for _ in range(CircuitBreaker.FAILURES_TO_OPEN):
            with pytest.raises(BotUnavailableError):
                await bot.take_turn(request)
        after = await scrape(service)
        calls = "bot_call_seconds_count"
        grown = after.get(calls, outcome="unreachable") - before.get(calls, outcome="unreachable")
        assert grown == CircuitBreaker.FAILURES_TO_OPEN
        assert after.get("breaker_open") == 1


async def test_database_that_is_away_leaves_the_counts_and_no_false_state(
    tmp_path: Path, bot: FakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        raise StorageUnavailableError("told to be away")
        yield

    async with running_service(with_token(tmp_path), bot) as service:
        assert (await scrape(service)).get("turns_pending") == 0
        with monkeypatch.context() as patched:
            patched.setattr(service.services.database, "reading", away)
            figures = await scrape(service)
        assert math.isnan(figures.get("turns_pending"))
        assert math.isnan(figures.get("queue_length", priority="normal"))
        assert "dragoman_turns_total" in figures.text
        assert (await scrape(service)).get("turns_pending") == 0
