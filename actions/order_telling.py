"""Which responses tell how an order stands, and with which values. Pure: nothing here says a word itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from actions.commerce.base import OrderStatus
from actions.snapshot import OrderSnapshot, ParcelSnapshot
from locales.markets import market_for

# The day that matters to the customer while an order stands so; each has a response without it, `…_undated`.
_DAY_THAT_MATTERS = {
    OrderStatus.SHIPPED: "expected_on",
    OrderStatus.DELAYED: "expected_on",
    OrderStatus.DELIVERED: "delivered_at",
    OrderStatus.WAITING_AT_PICKUP: "collect_by",
}
# Days that are only told as long as they lie ahead.
_AHEAD = ("expected_on", "collect_by")


@dataclass(frozen=True)
class Utterance:
    """A response and the raw values that it is told with (`bot/telling.py` formats them)."""

    response: str
    values: dict[str, Any] = field(default_factory=dict)


def tell_order(order: OrderSnapshot) -> list[Utterance]:
    """Return what to say about an order: how it stands, then its parcels."""
    return [_tell_status(order), *_tell_parcels(order)]


def _tell_status(order: OrderSnapshot) -> Utterance:
    status = OrderStatus(order["status"])
    values: dict[str, Any] = {"order_number": order["number"]}
    if status is OrderStatus.PLACED:
        placed = _day(order["placed_at"], order)
        return Utterance("utter_order_status_placed", {**values, "date": {"date": placed.isoformat()}})
    if status not in _DAY_THAT_MATTERS:
        return Utterance(f"utter_order_status_{status}", values)
    what = _DAY_THAT_MATTERS[status]
    # Several parcels have a day each, told with each of them.
    parcel = order["parcels"][0] if len(order["parcels"]) == 1 else None
    day = _told_day(parcel, what, order) if parcel else None
    if day is None and status is OrderStatus.SHIPPED and _is_overdue(order):
        # Nobody has said so yet, but "on its way" would sound as if all was well.
        status = OrderStatus.DELAYED
    if day is None:
        return Utterance(f"utter_order_status_{status}_undated", values)
    return Utterance(f"utter_order_status_{status}", {**values, "date": {"date": day.isoformat()}})


def _tell_parcels(order: OrderSnapshot) -> list[Utterance]:
    parcels = order["parcels"]
    if len(parcels) == 1:
        return [Utterance("utter_order_parcel", _tracking(parcels[0]))]
    if not parcels:
        return []
    return [
        Utterance("utter_order_parcel_count", {"count": len(parcels)}),
        *(_tell_parcel(parcel, order) for parcel in parcels),
    ]


def _tell_parcel(parcel: ParcelSnapshot, order: OrderSnapshot) -> Utterance:
    values = _tracking(parcel)
    for what, response in (
        ("delivered_at", "utter_order_parcel_delivered"),
        ("collect_by", "utter_order_parcel_waiting"),
        ("expected_on", "utter_order_parcel_expected"),
    ):
        day = _told_day(parcel, what, order)
        if day:
            return Utterance(response, {**values, "date": {"date": day.isoformat()}})
    return Utterance("utter_order_parcel_undated", values)


def _tracking(parcel: ParcelSnapshot) -> dict[str, Any]:
    return {
        "carrier": parcel["carrier"],
        "tracking_number": parcel["tracking_number"],
        "link": parcel["tracking_url"],
    }


def _told_day(parcel: ParcelSnapshot, what: str, order: OrderSnapshot) -> date | None:
    value: str | None = parcel[what]  # type: ignore[literal-required]
    day = _day(value, order) if value else None
    return None if day and what in _AHEAD and day < _today(order) else day


def _is_overdue(order: OrderSnapshot) -> bool:
    expected = order["expected_on"]
    return expected is not None and date.fromisoformat(expected) < _today(order)


def _today(order: OrderSnapshot) -> date:
    return _day(order["as_of"], order)


def _day(value: str, order: OrderSnapshot) -> date:
    """Return the day that an ISO 8601 day or moment falls on where the customer lives."""
    if "T" not in value:
        return date.fromisoformat(value)
    return (
        datetime.fromisoformat(value).astimezone(ZoneInfo(market_for(order["market"], None).timezone)).date()
    )
