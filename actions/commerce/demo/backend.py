"""The demo shop as a `Commerce` backend: reads the SQL database that `loading` fills."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from actions.commerce.base import (
    Commerce,
    CommerceUnavailableError,
    Order,
    OrderLine,
    OrderStatus,
    Parcel,
    fold_email,
)
from actions.commerce.demo.database import make_engine
from actions.commerce.demo.loading import load
from actions.commerce.demo.models import LineRow, LoadRow, OrderRow, ParcelRow, ProductRow
from actions.commerce.numbers import TAMARIND_NUMBERS
from locales.markets import market_for

ROOT = Path(__file__).parents[3]

Clock = Callable[[], datetime]


def database_url() -> str:
    """Return the SQLAlchemy URL in `DRAGOMAN_SHOP_DATABASE`, or that of var/shop.db."""
    return os.environ.get("DRAGOMAN_SHOP_DATABASE") or f"sqlite+aiosqlite:///{ROOT / 'var' / 'shop.db'}"


def create_commerce() -> Commerce:
    """Return the demo shop on the configured database (`registry`)."""
    return DemoCommerce(database_url())


class DemoCommerce:
    """Orders of data/demo/.

    Dates are stored as they were on the day of loading and moved on reading by the days that have passed
    since: an order "expected in two days" is so whenever somebody asks, however long ago the database was
    filled, while the tables stay those of an ordinary shop.
    """

    def __init__(self, url: str, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._url = url
        self._clock = clock
        self._engine = make_engine(url)

    async def open(self) -> None:
        """Fill the database where that has not been done yet.

        Raises:
            CommerceUnavailableError: The database cannot be reached or written to.
            DemoDataError: data/demo/ is wrong.
        """
        async with self._answering():
            async with self._engine.connect() as connection:
                loaded = await connection.run_sync(_is_loaded)
            if not loaded:
                await load(self._url, self._clock())

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    def parse_order_number(self, text: str) -> str | None:
        """Read "TM-48213", "#48213", "48213" or "tm 48213"."""
        return TAMARIND_NUMBERS.parse(text)

    async def find_order(self, number: str) -> Order | None:
        """Return the order with that number, or None."""
        orders = await self._read(OrderRow.number == number, limit=1)
        return orders[0] if orders else None

    async def list_orders_of(self, email: str, limit: int) -> list[Order]:
        """Return the address's latest orders, newest first."""
        return await self._read(OrderRow.email == fold_email(email), limit)

    async def _read(self, condition: ColumnElement[bool], limit: int) -> list[Order]:
        async with self._answering(), AsyncSession(self._engine) as session:
            loaded_at = await session.scalar(select(LoadRow.loaded_at))
            if loaded_at is None:
                raise CommerceUnavailableError("the demo shop's database is empty")
            newest = OrderRow.placed_at.desc()
            rows = list(
                await session.scalars(select(OrderRow).where(condition).order_by(newest).limit(limit))
            )
            # Asked for even where no order was found, and by the same statement as for one: the time taken
            # must not tell (`Commerce.find_order`).
            numbers = [row.number for row in rows] or [""]
            lines = list(
                await session.execute(
                    select(LineRow, ProductRow.name)
                    .join(ProductRow, ProductRow.id == LineRow.product_id)
                    .where(LineRow.order_number.in_(numbers))
                    .order_by(LineRow.position)
                )
            )
            parcels = list(
                await session.scalars(
                    select(ParcelRow).where(ParcelRow.order_number.in_(numbers)).order_by(ParcelRow.position)
                )
            )
        return [
            _order(
                row,
                [(line, name) for line, name in lines if line.order_number == row.number],
                [parcel for parcel in parcels if parcel.order_number == row.number],
                _days_since(loaded_at, self._clock(), row.market),
            )
            for row in rows
        ]

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise CommerceUnavailableError(f"the demo shop's database: {error}") from error


def _is_loaded(connection: Connection) -> bool:
    if not inspect(connection).has_table(LoadRow.__tablename__):
        return False
    return connection.scalar(select(LoadRow.id)) is not None


def _days_since(loaded_at: datetime, now: datetime, market: str) -> timedelta:
    # Whole days of the customer's calendar, so that hours of the day stay what they are.
    timezone = ZoneInfo(market_for(market, None).timezone)
    return now.astimezone(timezone).date() - loaded_at.astimezone(timezone).date()


def _order(
    row: OrderRow, lines: list[tuple[LineRow, str]], parcels: list[ParcelRow], shift: timedelta
) -> Order:
    def day(value: date | None) -> date | None:
        return value + shift if value else None

    def moment(value: datetime | None) -> datetime | None:
        return value + shift if value else None

    return Order(
        number=row.number,
        email=row.email,
        placed_at=row.placed_at + shift,
        status=OrderStatus(row.status),
        market=row.market,
        currency=row.currency,
        total=row.total,
        lines=tuple(OrderLine(line.product_id, name, line.quantity, line.unit_price) for line, name in lines),
        parcels=tuple(
            Parcel(
                carrier=parcel.carrier,
                tracking_number=parcel.tracking_number,
                tracking_url=parcel.tracking_url,
                shipped_at=moment(parcel.shipped_at),
                expected_on=day(parcel.expected_on),
                delivered_at=moment(parcel.delivered_at),
                collect_by=day(parcel.collect_by),
            )
            for parcel in parcels
        ),
        expected_on=day(row.expected_on),
    )
