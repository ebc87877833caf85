"""Who is asking: nothing about an order is said before its customer has been recognised."""

from __future__ import annotations

import enum
import re
import secrets
from collections.abc import Sequence
from typing import Any

from actions.commerce.base import Commerce, Order, fold_email
from actions.commerce.reading import read

# Compared with where there is no order, so that the same work is done; no address has a space.
_NOBODY = "no such order"
_EMAIL = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+\.[^\s@<>(),;:\".]{2,}")


class Proof(enum.StrEnum):
    """How a customer has proven that an order is theirs."""

    SIGNED_IN = "signed_in"
    """The service vouches for the address that the order was placed with."""
    EMAIL = "email"
    """They knew that address beside the order's number."""


def find_email(text: str) -> str | None:
    """Return the first e-mail address in a text, folded, or None."""
    match = _EMAIL.search(text)
    return fold_email(match[0].strip("'`")) if match else None


def verified_email(latest_message: dict[str, Any]) -> str | None:
    """Return the address that the service vouches for, folded, or None.

    It stands in the metadata that the service sends with a message (`contact.verified_email`). Nothing that a
    customer writes ends up there.
    """
    contact = (latest_message.get("metadata") or {}).get("contact") or {}
    email = contact.get("verified_email")
    return fold_email(email) if email else None


async def find_proven_order(
    commerce: Commerce, number: str, signed_in: str | None, given: str | None
) -> tuple[Order, Proof] | None:
    """Return an order and how it was proven to be the customer's.

    None means "no such order" and "somebody else's order" alike: callers cannot tell the two apart, and it
    takes the same work to find out.

    Args:
        commerce: The shop.
        number: As `Commerce.parse_order_number` gave it.
        signed_in: Address that the service vouches for.
        given: Address that the customer wrote.

    Raises:
        CommerceUnavailableError: The shop does not answer.
    """
    order = await read(lambda: commerce.find_order(number))
    expected = fold_email(order.email) if order else _NOBODY
    proofs: Sequence[tuple[Proof, str | None]] = ((Proof.SIGNED_IN, signed_in), (Proof.EMAIL, given))
    # Each is compared, whatever the others gave.
    proven = [proof for proof, email in proofs if _is_same(fold_email(email or ""), expected)]
    return (order, proven[0]) if order and proven else None


def _is_same(email: str, expected: str) -> bool:
    return secrets.compare_digest(email.encode(), expected.encode())
