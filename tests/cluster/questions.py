"""What the crowd asks: questions whose answer is known, some of them answered by the action server."""

from __future__ import annotations

from dataclasses import dataclass

from tests.acceptance.test_conversation import SCRIPTS


@dataclass(frozen=True)
class Question:
    """A message and what is right for it: the label it is understood as and how many replies it has."""

    text: str
    label: str
    replies: int


@dataclass(frozen=True)
class Persona:
    """A customer of one country, signed in at the shop, who asks what there is an order and articles for."""

    language: str
    market: str
    vendor_contact_id: str
    email: str
    questions: tuple[Question, ...]


# Contact in data/demo/customers.yml, and how its owner asks for the order of the acceptance script.
_ORDERS = {
    "en": ("cus_1003", "where is my order 48190?"),
    "it": ("cus_1001", "dov'è il mio ordine 48213?"),
    "he": ("cus_1006", "איפה ההזמנה שלי 48066?"),
    "vi": ("cus_1008", "đơn hàng 47931 của mình đang ở đâu?"),
    "nl": ("cus_1009", "waar is mijn bestelling 48301?"),
    "fr": ("cus_1011", "où est ma commande 48217 ?"),
    "de": ("cus_1012", "wo ist meine Bestellung 48255?"),
    "es": ("cus_1013", "¿dónde está mi pedido 48172?"),
    "pt": ("cus_1014", "onde está meu pedido 47840?"),
    "ja": ("cus_1015", "注文47993は今どこですか？"),
    "zh": ("cus_1016", "我的订单47952到哪里了？"),
    "ar": ("cus_1017", "وين طلبي 48001؟"),
}

PERSONAS = [
    Persona(
        script.language,
        script.market,
        _ORDERS[script.language][0],
        script.email,
        (
            Question(script.shipping_cost, "faq/shipping_cost", 1),
            Question(_ORDERS[script.language][1], "track_order", 2),
            Question(script.return_policy, "faq/return_policy", 1),
            Question(script.again, "faq/payment_methods", 1),
        ),
    )
    for script in SCRIPTS
]
