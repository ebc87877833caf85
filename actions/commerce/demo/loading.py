"""Fills the demo shop's database from data/demo/{products,customers,orders}.yml.

A moment there is relative to the day of loading: "-3d 19:42" is three days ago at 19:42 on the customer's
clock, "+2d" a day from now. Relative to loading, not to asking: so a query reads a plain table. That the
demo is true for ever is the backend's part (`DemoCommerce`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from actions.commerce.base import CommerceError, OrderStatus, fold_email
from actions.commerce.demo.database import make_engine
from actions.commerce.demo.models import (
    Base,
    CustomerRow,
    LineRow,
    LoadRow,
    OrderRow,
    ParcelRow,
    ProductRow,
)
from actions.commerce.numbers import TAMARIND_NUMBERS
from locales.languages import get_language
from locales.markets import Market, get_market

DEMO_FOLDER = Path(__file__).parents[3] / "data" / "demo"

# Products are named to agents in the language that all of them share.
_NAME_LANGUAGE = "en"
_MOMENT = re.compile(r"(?P<days>[+-]?\d+)d(?: (?P<clock>\d\d:\d\d))?")


class DemoDataError(CommerceError):
    """A file of data/demo/ says something that cannot be; names the file and the entry."""


@dataclass(frozen=True)
class LoadedCounts:
    """How much was loaded."""

    products: int
    customers: int
    orders: int


async def load(url: str, now: datetime, folder: Path = DEMO_FOLDER) -> LoadedCounts:
    """Replace everything in the demo shop's database by the files' content; safe to repeat.

    Args:
        url: SQLAlchemy URL of the database, with an async driver.
        now: Aware moment to which the files' dates are relative.
        folder: Where the three files are.

    Raises:
        DemoDataError: A file is wrong; the database stays as it was.
        sqlalchemy.exc.SQLAlchemyError: The database cannot be written to.
    """
    rows = read_demo_data(now, folder)
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            # Tables too: a demo database of an earlier version has nothing worth keeping.
            await connection.run_sync(Base.metadata.drop_all)
            await connection.run_sync(Base.metadata.create_all)
            async with AsyncSession(connection) as session:
                # Parents first: without relationships the session does not know which table refers to which.
                for table in Base.metadata.sorted_tables:
                    session.add_all([row for row in rows if row.__table__ is table])
                    await session.flush()
    finally:
        await engine.dispose()
    return LoadedCounts(
        products=sum(isinstance(row, ProductRow) for row in rows),
        customers=sum(isinstance(row, CustomerRow) for row in rows),
        orders=sum(isinstance(row, OrderRow) for row in rows),
    )


def read_demo_data(now: datetime, folder: Path = DEMO_FOLDER) -> list[Base]:
    """Return every row of the demo shop.

    Raises:
        DemoDataError: A file is wrong.
    """
    products = {entry["id"]: entry for entry in _read(folder / "products.yml")["products"]}
    customers = {entry["id"]: entry for entry in _read(folder / "customers.yml")["customers"]}
    file = folder / "orders.yml"
    content = _read(file)
    rows: list[Base] = [LoadRow(id=1, loaded_at=now)]
    rows += [ProductRow(id=key, name=entry["name"][_NAME_LANGUAGE]) for key, entry in products.items()]
    rows += [_customer_row(entry) for entry in customers.values()]
    for entry in content["orders"]:
        try:
            order, parts = _order_rows(entry, products, customers, content["carriers"], now)
        except (KeyError, LookupError, ValueError, TypeError) as error:
            raise DemoDataError(f"{file.name}, order {entry.get('number')!r}: {error!r}") from error
        rows += [order, *parts]
    return rows


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DemoDataError(f"{file.name} cannot be read: {error}") from error
    return content


def _customer_row(entry: Mapping[str, Any]) -> CustomerRow:
    return CustomerRow(
        id=entry["id"],
        name=entry["name"],
        email=fold_email(entry["email"]),
        market=get_market(entry["market"]).code,
        language=get_language(entry["language"]).tag,
    )


def _order_rows(
    entry: Mapping[str, Any],
    products: Mapping[str, Mapping[str, Any]],
    customers: Mapping[str, Mapping[str, Any]],
    carriers: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> tuple[OrderRow, list[Base]]:
    customer = customers[entry["customer"]]
    market = get_market(customer["market"])
    number = TAMARIND_NUMBERS.parse(entry["number"])
    if number != entry["number"]:
        raise ValueError("the number is not written as this shop writes its numbers")
    lines = [
        LineRow(
            order_number=number,
            position=position,
            product_id=line["product"],
            quantity=line["quantity"],
            unit_price=products[line["product"]]["price"][market.currency],
        )
        for position, line in enumerate(entry["lines"])
    ]
    days = Days(now, market)
    parcels = [
        ParcelRow(
            order_number=number,
            position=position,
            carrier=carriers[parcel["carrier"]]["name"],
            tracking_number=parcel["number"],
            tracking_url=carriers[parcel["carrier"]]["url"].format(number=parcel["number"]),
            shipped_at=days.moment(parcel.get("shipped")),
            expected_on=days.day(parcel.get("expected")),
            delivered_at=days.moment(parcel.get("delivered")),
            collect_by=days.day(parcel.get("collect_by")),
        )
        for position, parcel in enumerate(entry.get("parcels", ()))
    ]
    order = OrderRow(
        number=number,
        customer_id=customer["id"],
        email=fold_email(customer["email"]),
        placed_at=days.moment(entry["placed"]),
        status=OrderStatus(entry["status"]),
        market=market.code,
        currency=market.currency,
        total=total(lines, market),
        expected_on=max(
            (p.expected_on for p in parcels if p.expected_on and not p.delivered_at), default=None
        ),
    )
    return order, [*lines, *parcels]


def total(lines: Iterable[LineRow], market: Market) -> int:
    """Return what is paid for lines with delivery as data/shop.yml prices it, in minor units."""
    goods = sum(line.quantity * line.unit_price for line in lines)
    is_free = goods >= market.facts["free_shipping_from"]["money"]
    return goods if is_free else goods + int(market.facts["shipping_cost"]["money"])


@dataclass(frozen=True)
class Days:
    """Reads relative days as the market's calendar and clock have them."""

    now: datetime
    market: Market

    def day(self, text: str | None) -> date | None:
        """Return the day that "+2d" means.

        Raises:
            ValueError: The text is no relative day.
        """
        return self._parse(text)[0] if text is not None else None

    def moment(self, text: str | None) -> datetime | None:
        """Return the aware moment that "-3d 19:42" means.

        Raises:
            ValueError: The text is no relative day with a time.
        """
        if text is None:
            return None
        day, clock = self._parse(text)
        if clock is None:
            raise ValueError(f"{text!r} needs a time of day")
        return datetime.combine(day, clock, ZoneInfo(self.market.timezone))

    def _parse(self, text: str) -> tuple[date, time | None]:
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no day such as '-3d 19:42' or '+2d'")
        today = self.now.astimezone(ZoneInfo(self.market.timezone)).date()
        clock = time.fromisoformat(match["clock"]) if match["clock"] else None
        return today + timedelta(days=int(match["days"])), clock
