"""Tables of the demo shop. Emails are kept folded (`base.fold_email`), moments in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import DateTime, ForeignKey, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from actions.commerce.base import OrderStatus


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC (SQLite has no time zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC.

        Raises:
            ValueError: The moment is naive.
        """
        if value is not None and value.tzinfo is None:
            raise ValueError("a stored moment needs a time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware moment."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """Tables of the demo shop only: they share no metadata with the service's."""


class LoadRow(Base):
    """When the demo data was loaded: its dates were true on that day."""

    __tablename__ = "loads"

    id: Mapped[int] = mapped_column(primary_key=True)
    loaded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProductRow(Base):
    """What the shop sells."""

    __tablename__ = "products"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class CustomerRow(Base):
    """Who has an account."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320), unique=True)
    market: Mapped[str] = mapped_column(String(2))
    language: Mapped[str] = mapped_column(String(8))


class OrderRow(Base):
    """One order. `total` in minor units of `currency`."""

    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(String(32), primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    email: Mapped[str] = mapped_column(String(320), index=True)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[OrderStatus] = mapped_column(String(32))
    market: Mapped[str] = mapped_column(String(2))
    currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[int]
    expected_on: Mapped[date | None]


class LineRow(Base):
    """One article of an order. `unit_price` in minor units of the order's currency."""

    __tablename__ = "lines"

    order_number: Mapped[str] = mapped_column(ForeignKey("orders.number"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    unit_price: Mapped[int]


class ParcelRow(Base):
    """One parcel of an order."""

    __tablename__ = "parcels"

    order_number: Mapped[str] = mapped_column(ForeignKey("orders.number"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str] = mapped_column(String(64))
    tracking_number: Mapped[str] = mapped_column(String(64))
    tracking_url: Mapped[str] = mapped_column(Text)
    shipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expected_on: Mapped[date | None]
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    collect_by: Mapped[date | None]
