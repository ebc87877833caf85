from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from actions.commerce.base import Commerce, CommerceUnavailableError, OrderStatus
from actions.commerce.demo.__main__ import main
from actions.commerce.demo.backend import DemoCommerce
from actions.commerce.demo.loading import load

LOADED = datetime(2026, 11, 21, 12, 7, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = LOADED

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
async def shop(url: str, clock: Clock) -> AsyncIterator[DemoCommerce]:
    commerce = DemoCommerce(url, clock)
    await commerce.open()
    yield commerce
    await commerce.close()


async def test_order_is_found_with_lines_and_parcels(shop: Commerce):
    order = await shop.find_order("TM-48213")
    assert order is not None
    assert (order.status, order.market, order.currency, order.total) == (
        OrderStatus.SHIPPED,
        "IT",
        "EUR",
        24500,
    )
    assert order.placed_at == datetime(2026, 11, 18, 18, 42, tzinfo=UTC)
    assert order.expected_on == date(2026, 11, 23)
    assert [line.quantity for line in order.lines] == [1, 2]
    assert order.lines[0].name == "Washed-linen duvet set"
    (parcel,) = order.parcels
    assert parcel.carrier == "BRT"
    assert parcel.tracking_url.endswith(parcel.tracking_number)


async def test_parcels_come_in_their_order(shop: Commerce):
    order = await shop.find_order("TM-48251")
    assert order is not None
    assert [parcel.carrier for parcel in order.parcels] == ["DPD", "Royal Mail"]


async def test_unknown_number_is_none(shop: Commerce):
    assert await shop.find_order("TM-99999") is None


async def test_customers_orders_come_newest_first(shop: Commerce):
    orders = await shop.list_orders_of("Giulia.Ferraro@posta.example ", 3)
    assert [order.number for order in orders] == ["TM-48377", "TM-48213", "TM-47988"]
    assert [order.parcels != () for order in orders] == [False, True, True]
    assert len(await shop.list_orders_of("giulia.ferraro@posta.example", 2)) == 2
    assert await shop.list_orders_of("nobody@posta.example", 3) == []


@pytest.mark.parametrize("days", [1, 30, 400])
async def test_demo_stays_as_fresh_as_on_its_first_day(shop: Commerce, clock: Clock, days: int):
    first = await shop.find_order("TM-48213")
    clock.now += timedelta(days=days)
    later = await shop.find_order("TM-48213")
    assert first is not None
    assert later is not None
    assert later.placed_at - first.placed_at == timedelta(days=days)
    assert later.expected_on == LOADED.date() + timedelta(days=days + 2)
    assert later.parcels[0].expected_on == later.expected_on


async def test_demo_turns_over_at_the_customers_midnight(shop: Commerce, clock: Clock):
    clock.now = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)  # 00:30 in Ho Chi Minh City, 18:30 in Rome
    vietnamese, italian = await shop.find_order("TM-47931"), await shop.find_order("TM-48213")
    assert vietnamese is not None
    assert italian is not None
    assert vietnamese.expected_on == date(2026, 11, 22)
    assert italian.expected_on == date(2026, 11, 23)


async def test_same_statements_run_whether_the_order_exists_or_not(shop: DemoCommerce):
    statements: list[str] = []

    @event.listens_for(shop._engine.sync_engine, "before_cursor_execute")
    def record(_connection, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    assert await shop.find_order("TM-48213") is not None
    known, statements[:] = list(statements), []
    assert await shop.find_order("TM-99999") is None
    assert statements == known
    assert sum(statement.startswith("SELECT") for statement in known) == 4


async def test_opening_fills_an_empty_database_and_leaves_a_full_one(url: str, clock: Clock, shop: Commerce):
    clock.now += timedelta(days=3)
    again = DemoCommerce(url, clock)
    await again.open()
    order = await again.find_order("TM-48213")
    await again.close()
    assert order is not None
    # Loaded three days ago still, or the day would not have moved.
    assert order.expected_on == date(2026, 11, 26)


async def test_loading_while_it_is_read_keeps_it_working(url: str, shop: Commerce):
    await load(url, LOADED + timedelta(days=5))
    assert await shop.find_order("TM-48213") is not None


async def test_missing_database_is_an_outage_without_customers_addresses(tmp_path: Path, clock: Clock):
    commerce = DemoCommerce(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}", clock)
    with pytest.raises(CommerceUnavailableError) as caught:
        await commerce.list_orders_of("giulia.ferraro@posta.example", 3)
    await commerce.close()
    assert "giulia" not in str(caught.value)


def test_command_loads_and_says_what(url: str, capsys: pytest.CaptureFixture[str]):
    assert main(["load", "--database", url]) == 0
    assert "31 orders of 17 customers" in capsys.readouterr().out


def test_command_tells_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "shop.db").mkdir()
    assert main(["load", "--database", f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}"]) == 1
    assert "could not be loaded" in capsys.readouterr().err
