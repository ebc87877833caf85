"""The embedded database locked, read-only, full: customers hear of it in time, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handoff.testing import FakeBot
from locales import catalogue
from tests.integration.handoff.conftest import Running, make_settings, running_service
from tests.integration.handoff.faults.people import WITHIN_S
from tests.integration.handoff.faults.storage import (
    Attempts,
    Pragmas,
    answer_to,
    check_kept_and_answered,
    check_refusals,
    say_until_accepted,
    until,
)

# A page of the file and more: no free one is left over for it.
LONG = "x" * 4000


@pytest.fixture
async def service(tmp_path: Path, bot: FakeBot) -> AsyncIterator[Running]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'dragoman.db'}"
    async with running_service(make_settings(tmp_path, database_url=url), bot) as running:
        yield running


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the write lock as another process would: a backup, or a forgotten shell."""
    other = sqlite3.connect(folder / "dragoman.db", isolation_level=None, timeout=10)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_short_lock_of_another_process_is_waited_for(service: Running, tmp_path: Path) -> None:
    customers = [await service.open_customer(language="en") for _ in range(5)]
    attempts = [Attempts() for _ in customers]
    with locked(tmp_path):
        waiting = [
            asyncio.create_task(answer_to(customer, "hello", attempt))
            for customer, attempt in zip(customers, attempts, strict=True)
        ]
        await asyncio.sleep(2)
    assert await asyncio.gather(*waiting) == [True] * 5
    for customer in customers:
        await check_kept_and_answered(service.services.database, customer, "hello")


async def test_long_lock_is_told_in_time_and_the_same_message_is_kept_once(
    service: Running, tmp_path: Path
) -> None:
    customers = [await service.open_customer(language="en") for _ in range(5)]
    with locked(tmp_path):
        saying = [asyncio.create_task(say_until_accepted(customer, "hello")) for customer in customers]
        await asyncio.sleep(6)
    for attempts in await asyncio.gather(*saying):
        check_refusals(attempts)
    for customer in customers:
        await check_kept_and_answered(service.services.database, customer, "hello")


async def test_rest_of_the_service_speaks_of_a_lock_too(
    service: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.database.BUSY_TIMEOUT_S", 0.3)
    agent = await service.sign_in()
    with locked(tmp_path):
        opened, queue = await asyncio.gather(
            service.http.post("/api/v1/web/conversations", json={"language": "it"}, timeout=20),
            agent.get("/api/v1/queue", timeout=20),
        )
    assert (opened.status_code, opened.json()["code"]) == (503, "storage_unavailable")
    assert opened.headers["Retry-After"] == "2"
    assert queue.status_code == 200, "reading goes on"
    await agent.aclose()


async def test_customer_whose_answer_can_t_be_written_hears_of_the_trouble(
    service: Running, bot: FakeBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.database.BUSY_TIMEOUT_S", 0.3)
    bot.delay_s = 60
    customer = await service.open_customer(language="it")
    assert await answer_to(customer, "ciao", Attempts())
    await until(lambda: len(bot.calls) == 1)
    with locked(tmp_path):
        bot.answer_now()
        frame = await customer.wait_for(lambda frame: frame["type"] == "error", WITHIN_S)
        assert frame["message"] == catalogue.text("service", "error.storage_unavailable", "it")
    await check_kept_and_answered(service.services.database, customer, "ciao")


async def test_answer_that_can_t_be_written_is_written_later_and_once(
    service: Running, bot: FakeBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.database.BUSY_TIMEOUT_S", 0.3)
    bot.delay_s = 60
    customer = await service.open_customer(language="en")
    assert await answer_to(customer, "hello", Attempts())
    await until(lambda: len(bot.calls) == 1)
    with locked(tmp_path):
        turn = service.services.worker.running_tasks()
        bot.answer_now()
        # Given up: begun again from the message, which is still unanswered.
        await asyncio.wait(turn)
        assert customer.texts("bot") == []
    await check_kept_and_answered(service.services.database, customer, "hello")


@pytest.mark.parametrize("trouble", ["query_only=ON", "max_page_count=1"])
async def test_read_only_or_full_database_is_told_and_recovers_by_itself(
    service: Running, bot: FakeBot, trouble: str
) -> None:
    database = service.services.database
    pragmas = Pragmas(database)
    customer, other = [await service.open_customer(language="en") for _ in range(2)]
    bot.delay_s = 60
    assert await answer_to(other, "before", Attempts())
    await until(lambda: len(bot.calls) == 1)
    pragmas(trouble)
    attempts = Attempts()
    assert not await answer_to(customer, LONG, attempts)
    bot.delay_s = 0
    bot.answer_now()
    assert not await answer_to(customer, LONG, attempts)
    check_refusals(attempts)
    response = await service.http.post("/api/v1/web/conversations", json={"page": "https://shop.example/"})
    assert response.status_code in (201, 503), "a small row may still fit in a page"
    pragmas("query_only=OFF", "max_page_count=1000000")
    assert await answer_to(customer, LONG, attempts)
    await check_kept_and_answered(database, customer, LONG)
    await check_kept_and_answered(database, other, "before")
