"""What a page of the demo shop shows: every text and figure in the visitor's language, for the template."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from babel import Locale

from handoff.storefront.products import DemoCustomer, Product, list_categories, list_products
from locales import catalogue
from locales.formatting import format_money
from locales.languages import Language, list_languages
from locales.markets import Market, list_markets

# (id, email, name) → signature; the service has the secret.
SignIdentity = Callable[[str, str, str], str]


@dataclass(frozen=True)
class Visit:
    """How the visitor asked for the page."""

    language: Language
    market: Market
    category: str | None
    customer: DemoCustomer | None

    def link(self, language: str | None = None, **changes: str | None) -> str:
        """Return the address of this page with something changed; None takes a parameter away."""
        query = {
            "market": self.market.code,
            "category": self.category,
            "signed_in": "1" if self.customer else None,
            **changes,
        }
        kept = {name: value for name, value in query.items() if value is not None}
        return f"/demo/{language or self.language.tag}?{urlencode(kept)}"

    def text(self, key: str, **values: Any) -> str:
        return catalogue.text("storefront", f"storefront.{key}", self.language.tag, **values)

    def country(self, market: Market) -> str:
        """Return the name of a market's country in the visitor's language."""
        return str(Locale.parse(self.language.locale).territories[market.code])


@dataclass(frozen=True)
class Card:
    """One product on the page. `minor_units` is the price for the cart's sums."""

    id: str
    category: str
    name: str
    price: str
    minor_units: int
    is_shown: bool


def build_page(visit: Visit, sign_identity: SignIdentity) -> dict[str, Any]:
    """Return the template's variables."""
    locale = visit.market.locale_for(visit.language.tag)
    facts = visit.market.formatted(visit.language.tag)
    return {
        "visit": visit,
        "text": visit.text,
        "language": visit.language,
        "locale": locale.replace("_", "-"),
        "languages": list_languages(),
        "markets": list_markets(),
        "categories": list_categories(),
        "cards": [_card(product, visit, locale) for product in list_products()],
        "facts": facts,
        "promises": _promises(visit, facts),
        "identity": _identity(visit.customer, sign_identity),
    }


def _card(product: Product, visit: Visit, locale: str) -> Card:
    minor_units = product.prices[visit.market.currency]
    return Card(
        id=product.id,
        category=product.category,
        name=product.names[visit.language.tag],
        price=format_money(minor_units, visit.market.currency, locale),
        minor_units=minor_units,
        is_shown=visit.category in (None, product.category),
    )


def _promises(visit: Visit, facts: dict[str, str]) -> list[dict[str, str]]:
    """The strip under the hero. The shop's policy picks the sentence, its facts fill it."""
    sentences = {
        "delivery": ("promise_delivery", "promise_carriers"),
        "shipping": ("promise_free_shipping", f"promise_duties_{facts['duties']}"),
        "returns": ("promise_returns", f"promise_return_payer_{facts['return_payer']}"),
        "help": ("promise_help", "promise_hours"),
    }
    return [
        {"icon": icon, "title": visit.text(title, **facts), "text": visit.text(text, **facts)}
        for icon, (title, text) in sentences.items()
    ]


def _identity(customer: DemoCustomer | None, sign_identity: SignIdentity) -> str | None:
    """The signed identity for the widget's tag, as a shop's own server would write it there."""
    if customer is None:
        return None
    signature = sign_identity(customer.id, customer.email, customer.name)
    identity = {
        "id": customer.id,
        "name": customer.name,
        "email": customer.email,
        "signature": signature,
    }
    return json.dumps(identity, ensure_ascii=False)
