"""What the bot needs to know of a shop's orders, whatever system keeps them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


class CommerceError(Exception):
    """Anything that goes wrong between the bot and the shop's orders."""


class UnknownBackendError(CommerceError):
    """`DRAGOMAN_COMMERCE` names no backend."""


class CommerceUnavailableError(CommerceError):
    """The backend did not answer, or not in time. Says nothing about the order; may pass by itself."""


class OrderStatus(enum.StrEnum):
    """How an order stands. Every backend maps its own statuses to these; `utter_order_status_*` tells
    them."""

    PLACED = "placed"
    PACKED = "packed"
    SHIPPED = "shipped"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    """The carrier reports an exception, or the shop knows that it will be late."""
    WAITING_AT_PICKUP = "waiting_at_pickup"
    RETURNED = "returned"
    """It came back to the warehouse, whoever sent it there."""
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class OrderLine:
    """One article of an order. `unit_price` is in minor units of the order's currency."""

    product_id: str
    name: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class Parcel:
    """One parcel of an order. Moments are aware UTC, dates are calendar days where the customer lives.

    `collect_by` is the last day on which a pickup point keeps it. A backend without a link of its own to
    the parcel gives the carrier's tracking page as `tracking_url`.
    """

    carrier: str
    tracking_number: str
    tracking_url: str
    shipped_at: datetime | None = None
    expected_on: date | None = None
    delivered_at: datetime | None = None
    collect_by: date | None = None


@dataclass(frozen=True)
class Order:
    """An order as it stands.

    `email` is the address it was placed with, `placed_at` aware UTC, `market` an ISO 3166 code, `currency` an
    ISO 4217 code and `total` an integer of its minor units. `expected_on` is the day on which all of it
    should have arrived, in the customer's calendar.
    """

    number: str
    email: str
    placed_at: datetime
    status: OrderStatus
    market: str
    currency: str
    total: int
    lines: tuple[OrderLine, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    expected_on: date | None = None


class Commerce(Protocol):
    """A shop's orders.

    Every call only reads and may be repeated, which `reading.read` does. A call that has not answered in
    time may be cancelled at any await.
    """

    async def open(self) -> None:
        """Make ready to be asked; called once, on the event loop that all calls come from.

        Raises:
            CommerceError: It can never work as it is set up.
        """

    async def close(self) -> None:
        """Let go of connections. May be called without `open`, and twice."""

    def parse_order_number(self, text: str) -> str | None:
        """Return the order number that a text consists of as the shop writes it, or None where it is none.

        Pure and quick: "48213", "#48213" and "tm 48213" are one number.
        """

    async def find_order(self, number: str) -> Order | None:
        """Return the order of a number that `parse_order_number` gave, or None.

        The same work is done either way, so that the time taken does not tell whether the order exists.

        Raises:
            CommerceUnavailableError: May be retried.
        """

    async def list_orders_of(self, email: str, limit: int) -> list[Order]:
        """Return the latest orders placed with an address, newest first.

        Raises:
            CommerceUnavailableError: May be retried.
        """


def fold_email(email: str) -> str:
    """Return an address in the form in which addresses are compared: trimmed, without case."""
    return email.strip().casefold()
