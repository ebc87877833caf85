"""Whole conversations: what each message is answered in, from the identifier and the choice together."""

from __future__ import annotations

import pytest

from bot.components.language_chooser import LanguageChooser, choose
from bot.components.language_identifier import LanguageIdentifier
from bot.context import Context

SETTINGS = LanguageChooser.get_default_config()

# What a customer writes, one message after the other, and what it is answered in. "→ xx" behind a text: it
# asks for that language by name.
CONVERSATIONS = {
    "clear switch": [
        ("buongiorno, quanto costa la spedizione in Sardegna?", "it"),
        ("sorry, my flatmate speaks no Italian. how long does it take?", "en"),
        ("and can we return it in a shop?", "en"),
    ],
    "switch to a script of its own": [
        ("where is my parcel?", "en"),
        ("איפה החבילה שלי", "he"),
        ("ok", "he"),
        ("أين طلبي", "ar"),
    ],
    "asked for by name": [
        ("waar blijft mijn pakje", "nl"),
        ("can we speak English please → en", "en"),
        ("waar blijft mijn pakje nou", "en"),
        ("Nederlands mag ook weer → nl", "nl"),
    ],
    "asked for by name, in the language asked for": [
        ("où est mon colis ?", "fr"),
        ("auf Deutsch bitte → de", "de"),
        ("48213", "de"),
    ],
    "one borrowed word": [
        ("Guten Tag, wann kommt meine Bestellung?", "de"),
        ("tracking?", "de"),
        ("refund", "de"),
        ("cancel", "de"),
    ],
    "borrowed words in a sentence": [
        ("onde está meu pedido?", "pt"),
        ("o tracking do pedido não atualiza, e o voucher expirou", "pt"),
    ],
    "mixed message": [
        ("¿cuándo llega mi pedido?", "es"),
        ("el order number es TM-48213, my bad, pero el correo es el mismo de siempre", "es"),
    ],
    "nothing to tell a language by": [
        ("mi è arrivato rotto", "it"),
        ("48213", "it"),
        ("ok", "it"),
        ("anna.b@posta.example", "it"),
        ("👍", "it"),
        ("PayPal", "it"),
        ("DHL Express", "it"),
    ],
    "two people at one keyboard take turns": [
        ("chúng tôi muốn đổi size áo này", "vi"),
        ("he means we bought the wrong size last week", "en"),
        ("đúng rồi, mua hôm thứ bảy tuần trước", "vi"),
        ("so what should we do with the old one?", "en"),
    ],
    "Chinese and Japanese share characters": [
        ("返品したいです", "ja"),
        ("返品", "ja"),
        ("我想退货", "zh"),
        ("退货", "zh"),
    ],
    "near relatives": [
        ("quería saber cuánto tarda el envío a Canarias", "es"),
        ("mas eu moro em Portugal, vocês entregam aqui?", "pt"),
        ("vale, ¿y a las Baleares enviáis?", "es"),
    ],
    "romanised stays": [
        ("שלום, מתי מגיע המשלוח", "he"),
        ("lo kibalti shum hoda'a", "he"),
    ],
    "a language that the shop does not speak changes nothing": [
        ("kan ik dit ruilen voor een maat groter?", "nl"),
        ("Dzień dobry, czy mogę zapłacić przelewem?", "nl"),
    ],
}


@pytest.fixture
def identifier(shops_identifier: LanguageIdentifier) -> LanguageIdentifier:
    return shops_identifier


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation_is_answered_in_the_customers_language(
    identifier: LanguageIdentifier, name: str
) -> None:
    context = Context()
    said = []
    for line, _ in CONVERSATIONS[name]:
        text, _, named = line.partition(" → ")
        choice = choose(identifier.identify(text, context), [named] if named else [], context, **SETTINGS)
        said.append((line, choice.chosen))
        context = Context(language=choice.chosen, language_asked=choice.asked)
    assert said == CONVERSATIONS[name]
