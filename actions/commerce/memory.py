"""A shop in memory, for tests: the real interface over a list of orders."""

from __future__ import annotations

from collections.abc import Iterable

from actions.commerce.base import CommerceUnavailableError, Order, fold_email
from actions.commerce.numbers import TAMARIND_NUMBERS


class MemoryCommerce:
    """Orders in a list. `is_down` makes every call fail as an unreachable shop does; `calls` records them."""

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self.orders = list(orders)
        self.is_down = False
        self.calls: list[tuple[str, str]] = []

    async def open(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def parse_order_number(self, text: str) -> str | None:
        """Read numbers as the demo shop does."""
        return TAMARIND_NUMBERS.parse(text)

    async def find_order(self, number: str) -> Order | None:
        """Return the order with that number, or None."""
        self._record("find_order", number)
        return next((order for order in self.orders if order.number == number), None)

    async def list_orders_of(self, email: str, limit: int) -> list[Order]:
        """Return the address's latest orders, newest first."""
        self._record("list_orders_of", email)
        theirs = [order for order in self.orders if fold_email(order.email) == fold_email(email)]
        return sorted(theirs, key=lambda order: order.placed_at, reverse=True)[:limit]

    def _record(self, method: str, argument: str) -> None:
        self.calls.append((method, argument))
        if self.is_down:
            raise CommerceUnavailableError("the shop in memory is switched off")
