from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from actions.commerce.base import OrderStatus
from actions.commerce.demo.loading import DEMO_FOLDER, Days, DemoDataError, load, read_demo_data
from actions.commerce.demo.models import CustomerRow, LineRow, OrderRow, ParcelRow
from locales.markets import get_market, list_markets

# Every hour of a day, and both days on which clocks change in Europe.
HOURS = [datetime(2026, 11, 21, hour, 7, tzinfo=UTC) for hour in range(0, 24, 3)]
CLOCK_CHANGES = [datetime(2026, 3, 29, 2, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
NOW = HOURS[4]


def rows_of(kind: type, now: datetime = NOW) -> list:
    return [row for row in read_demo_data(now) if isinstance(row, kind)]


def test_relative_days_are_those_of_the_markets_calendar_and_clock():
    late_evening = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)  # already the 22nd in Vietnam
    rome, saigon = (Days(late_evening, get_market(code)) for code in ("IT", "VN"))
    assert rome.day("+2d") == date(2026, 11, 23)
    assert saigon.day("+2d") == date(2026, 11, 24)
    assert saigon.day("0d") == date(2026, 11, 22)
    assert rome.moment("-3d 19:42") == datetime(2026, 11, 18, 18, 42, tzinfo=UTC)
    assert saigon.moment("-3d 19:42") == datetime(2026, 11, 19, 12, 42, tzinfo=UTC)
    assert rome.day(None) is None
    assert rome.moment(None) is None


@pytest.mark.parametrize("text", ["yesterday", "2", "-3d 7:42", "-3d 25:00", "2026-11-21", ""])
def test_what_is_no_relative_moment_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        Days(NOW, get_market("IT")).moment(text)


def test_moment_needs_a_time_of_day():
    with pytest.raises(ValueError, match="time of day"):
        Days(NOW, get_market("IT")).moment("-3d")


@pytest.mark.parametrize("now", HOURS + CLOCK_CHANGES, ids=str)
def test_what_has_happened_lies_in_the_past_in_its_order_at_any_hour(now):
    orders = {order.number: order for order in rows_of(OrderRow, now)}
    assert all(order.placed_at < now for order in orders.values())
    for parcel in rows_of(ParcelRow, now):
        assert orders[parcel.order_number].placed_at < parcel.shipped_at < now
        assert parcel.delivered_at is None or parcel.shipped_at < parcel.delivered_at < now


def test_numbers_follow_the_order_in_which_orders_were_placed():
    orders = sorted(rows_of(OrderRow), key=lambda order: order.number)
    days = [order.placed_at.date() for order in orders]
    assert days == sorted(days)


def test_demo_has_every_market_and_every_status():
    orders = rows_of(OrderRow)
    assert {order.market for order in orders} == {market.code for market in list_markets()}
    assert {order.status for order in orders} == set(OrderStatus)
    assert {customer.market for customer in rows_of(CustomerRow)} == {order.market for order in orders}


def test_order_48213_is_italian_on_its_way_and_expected_in_two_days():
    order = next(order for order in rows_of(OrderRow) if order.number == "TM-48213")
    assert (order.market, order.status, order.currency) == ("IT", OrderStatus.SHIPPED, "EUR")
    assert order.expected_on == NOW.date() + timedelta(days=2)
    assert order.email == "giulia.ferraro@posta.example"


def test_totals_are_goods_and_delivery_as_the_shop_prices_them():
    lines = rows_of(LineRow)
    for order in rows_of(OrderRow):
        facts = get_market(order.market).facts
        goods = sum(line.quantity * line.unit_price for line in lines if line.order_number == order.number)
        is_free = goods >= facts["free_shipping_from"]["money"]
        assert order.total == goods + (0 if is_free else facts["shipping_cost"]["money"])


def test_tracking_pages_are_plain_https_addresses():
    for parcel in rows_of(ParcelRow):
        assert parcel.tracking_url.startswith("https://")
        assert not set(parcel.tracking_url) & set(" {}<>\"'")


async def test_loading_twice_is_loading_once(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'new' / 'shop.db'}"
    assert await load(url, NOW) == await load(url, NOW + timedelta(days=1))


def changed_folder(tmp_path: Path, **changes: object) -> Path:
    for name in ("products.yml", "customers.yml", "orders.yml"):
        content = yaml.safe_load((DEMO_FOLDER / name).read_text(encoding="utf-8"))
        if name == "orders.yml":
            content["orders"][0].update(changes)
        (tmp_path / name).write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": "cus_9"},
        {"status": "lost"},
        {"placed": "yesterday"},
        {"lines": [{"product": "unicorn", "quantity": 1}]},
        {"parcels": [{"carrier": "owl", "number": "1"}]},
        {"number": "48213"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_mistake_in_the_data_names_file_and_order(tmp_path, changes):
    with pytest.raises(DemoDataError, match=r"orders\.yml, order '(TM-)?48213'"):
        read_demo_data(NOW, changed_folder(tmp_path, **changes))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DemoDataError, match=r"products\.yml"):
        read_demo_data(NOW, tmp_path)
