"""An order as it stood at a moment, as JSON: in the slot `order`, and for agents in the handoff packet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict

from actions.commerce.base import Order
from actions.proof import Proof


class LineSnapshot(TypedDict):
    """One article. `unit_price` in minor units of the order's currency."""

    product_id: str
    name: str
    quantity: int
    unit_price: int


class ParcelSnapshot(TypedDict):
    """One parcel. Moments are ISO 8601 in UTC, days ISO 8601 in the customer's calendar."""

    carrier: str
    tracking_number: str
    tracking_url: str
    shipped_at: str | None
    expected_on: str | None
    delivered_at: str | None
    collect_by: str | None


class OrderSnapshot(TypedDict):
    """An order as it stood at `as_of`, with `total` in minor units.

    `proof` (`actions.proof.Proof`) says how the customer has proven that it is theirs.
    """

    number: str
    status: str
    placed_at: str
    market: str
    total: int
    currency: str
    lines: list[LineSnapshot]
    parcels: list[ParcelSnapshot]
    expected_on: str | None
    proof: str
    as_of: str


def render_snapshot(order: Order, proof: Proof, as_of: datetime) -> OrderSnapshot:
    """Return the order as JSON. The address it was placed with is not part of it."""
    return {
        "number": order.number,
        "status": order.status.value,
        "placed_at": _moment(order.placed_at),
        "market": order.market,
        "total": order.total,
        "currency": order.currency,
        "lines": [
            {
                "product_id": line.product_id,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
            }
            for line in order.lines
        ],
        "parcels": [
            {
                "carrier": parcel.carrier,
                "tracking_number": parcel.tracking_number,
                "tracking_url": parcel.tracking_url,
                "shipped_at": _moment(parcel.shipped_at) if parcel.shipped_at else None,
                "expected_on": parcel.expected_on.isoformat() if parcel.expected_on else None,
                "delivered_at": _moment(parcel.delivered_at) if parcel.delivered_at else None,
                "collect_by": parcel.collect_by.isoformat() if parcel.collect_by else None,
            }
            for parcel in order.parcels
        ],
        "expected_on": order.expected_on.isoformat() if order.expected_on else None,
        "proof": proof.value,
        "as_of": _moment(as_of),
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
