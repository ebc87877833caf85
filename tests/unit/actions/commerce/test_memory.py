from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actions.commerce.base import Commerce, CommerceUnavailableError
from actions.commerce.memory import MemoryCommerce
from tests.unit.actions.shop import DAVIDE, GIULIA, make_order


async def test_orders_are_found_by_number_and_listed_newest_first():
    commerce: Commerce = MemoryCommerce(
        [
            make_order("TM-1001", placed_at=datetime(2026, 11, 1, tzinfo=UTC)),
            make_order("TM-1002", placed_at=datetime(2026, 11, 2, tzinfo=UTC)),
            make_order("TM-1003", email=DAVIDE),
        ]
    )
    found = await commerce.find_order("TM-1002")
    assert found is not None
    assert found.number == "TM-1002"
    assert await commerce.find_order("TM-9999") is None
    assert [order.number for order in await commerce.list_orders_of(GIULIA.upper(), 5)] == [
        "TM-1002",
        "TM-1001",
    ]
    assert len(await commerce.list_orders_of(GIULIA, 1)) == 1


async def test_shop_that_is_down_fails_as_a_real_one_does():
    commerce = MemoryCommerce([make_order()])
    commerce.is_down = True
    with pytest.raises(CommerceUnavailableError):
        await commerce.find_order("TM-48213")
    assert commerce.calls == [("find_order", "TM-48213")]
