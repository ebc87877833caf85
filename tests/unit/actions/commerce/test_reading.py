from __future__ import annotations

import asyncio

import pytest

from actions.commerce.base import CommerceUnavailableError
from actions.commerce.reading import read


class Shop:
    """Fails as often as told, then answers."""

    def __init__(self, failures: int, delay_s: float = 0.0) -> None:
        self.failures = failures
        self.delay_s = delay_s
        self.calls = 0

    async def answer(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            await asyncio.sleep(self.delay_s)
            raise CommerceUnavailableError("away")
        return "order"


async def test_failed_call_is_repeated():
    shop = Shop(failures=1)
    assert await read(shop.answer) == "order"
    assert shop.calls == 2


async def test_shop_that_stays_away_is_told_after_the_last_attempt():
    shop = Shop(failures=9)
    with pytest.raises(CommerceUnavailableError, match="2 attempts"):
        await read(shop.answer)
    assert shop.calls == 2


async def test_slow_call_is_given_up_and_repeated():
    shop = Shop(failures=1, delay_s=30)
    assert await read(shop.answer, timeout_s=0.01) == "order"


async def test_slow_shop_is_unavailable():
    with pytest.raises(CommerceUnavailableError):
        await read(Shop(failures=9, delay_s=30).answer, timeout_s=0.01)


async def test_mistake_in_a_backend_is_not_taken_for_an_outage():
    async def mistake() -> None:
        raise KeyError("status")

    with pytest.raises(KeyError):
        await read(mistake)
