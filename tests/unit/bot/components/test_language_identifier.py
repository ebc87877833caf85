"""Recognising the language of a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.language_identifier import LanguageIdentifier, UntrainedLanguageIdentifierError
from bot.context import Context, parse_context
from tests.unit.bot.components.conftest import Workshop, customers_message, training_message

SENTENCES = {
    "en": "How long do I have to send something back?",
    "he": "כמה זמן יש לי להחזיר מוצר?",
    "vi": "phí giao hàng bao nhiêu vậy shop?",
    "it": "quanto tempo ho per restituire un articolo?",
    "nl": "hoe lang heb ik om iets terug te sturen?",
}
NEUTRAL = [
    "48213",
    "anna.b@libero.it",
    "https://shop.example/a?b=1",
    "👍👍",
    "ok",
    "OK!",
    "PayPal?",
    "#TM-48213 ok",
]


@pytest.fixture(scope="module")
def identifier(tmp_path_factory: pytest.TempPathFactory, shops_messages: TrainingData) -> LanguageIdentifier:
    trained: LanguageIdentifier = Workshop(tmp_path_factory.mktemp("language")).create(LanguageIdentifier)
    trained.train(shops_messages)
    return trained


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_sentence_is_recognised_by_itself(identifier: LanguageIdentifier, language: str, text: str) -> None:
    found = identifier.identify(text, Context())
    assert found["detected"] == language
    assert found["confidence"] > 0.9
    assert found["ranking"][0] == {"language": language, "confidence": found["confidence"]}
    assert sum(entry["confidence"] for entry in found["ranking"]) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_sentence_is_recognised_against_the_conversation(
    identifier: LanguageIdentifier, language: str, text: str
) -> None:
    other = "it" if language != "it" else "en"
    found = identifier.identify(text, Context(language=other))
    assert (found["detected"], found["confidence"] > 0.8) == (language, True)


@pytest.mark.parametrize("text", NEUTRAL)
def test_what_is_the_same_in_every_language_is_no_evidence(identifier: LanguageIdentifier, text: str) -> None:
    found = identifier.identify(text, Context(language="he", language_hint="it"))
    assert (found["detected"], found["words"]) == ("he", 0)


@pytest.mark.parametrize("text", NEUTRAL)
def test_hint_decides_where_there_is_nothing_else(identifier: LanguageIdentifier, text: str) -> None:
    assert identifier.identify(text, Context(language_hint="it-CH"))["detected"] == "it"


@pytest.mark.parametrize("text", ["", "48213", "?!"])
def test_nothing_at_all_is_unknown(identifier: LanguageIdentifier, text: str) -> None:
    assert identifier.identify(text, Context()) == {
        "detected": "unknown",
        "confidence": 0.0,
        "words": 0,
        "script": False,
        "foreign": False,
        "ranking": [],
    }


@pytest.mark.parametrize(
    "text",
    [
        "где мой заказ?",
        "طلبي وين",
        "私の注文はどこですか",
        "Guten Tag, ich hätte gern gewusst, wann meine Bestellung endlich geliefert wird.",
        "Bonjour, je voudrais savoir quand mon colis sera enfin livré chez moi.",
        "Merhaba, siparişim ne zaman gelecek acaba, çok geç kaldı.",
    ],
)
def test_language_that_the_shop_does_not_speak_is_unknown(identifier: LanguageIdentifier, text: str) -> None:
    found = identifier.identify(text, Context(language="nl"))
    assert found["detected"] == "unknown"
    assert found["confidence"] > 0.5
    assert found["foreign"]


@pytest.mark.parametrize(("text", "foreign"), [("Привет", True), ("Grzegorz", False)])
def test_one_unknown_word_may_be_a_name(identifier: LanguageIdentifier, text: str, foreign: bool) -> None:
    assert identifier.identify(text, Context(language="nl"))["foreign"] is foreign


def test_name_in_another_script_does_not_hide_the_language(identifier: LanguageIdentifier) -> None:
    found = identifier.identify("איפה Tamarind Linen Bedding Set שלי", Context(language="en"))
    assert (found["detected"], found["script"]) == ("he", True)


@pytest.mark.parametrize("text", ["thanks", "tracking", "refund"])
def test_borrowed_word_leaves_the_conversation_where_it_was(
    identifier: LanguageIdentifier, text: str
) -> None:
    assert identifier.identify(text, Context(language="it"))["detected"] == "it"


def test_pressed_button_says_nothing_about_the_language(identifier: LanguageIdentifier) -> None:
    context = parse_context({"language": "it", "pressed": "label:faq/shipping_time"})
    found = identifier.identify(SENTENCES["nl"], context)
    assert (found["detected"], found["words"]) == ("it", 0)


def test_same_text_gives_the_same_answer_every_time(identifier: LanguageIdentifier) -> None:
    # Doubtful, so that langdetect, which draws at random, is asked.
    answers = [identifier.identify("voucher code", Context(language="nl")) for _ in range(5)]
    assert answers == answers[:1] * 5


def test_loaded_component_answers_like_the_trained_one(tmp_path: Path, shops_messages: TrainingData) -> None:
    workshop = Workshop(tmp_path)
    trained = workshop.create(LanguageIdentifier)
    some = TrainingData(shops_messages.training_examples[::4])
    trained.train(some)
    loaded = workshop.load(LanguageIdentifier)
    texts = [message.get("text") for message in some.training_examples[::10]]
    assert [loaded.identify(text, Context()) for text in texts] == [
        trained.identify(text, Context()) for text in texts
    ]


def test_message_carries_the_answer_to_the_tracker(identifier: LanguageIdentifier) -> None:
    (message,) = identifier.process([customers_message(SENTENCES["vi"], language="en")])
    output: dict[str, Any] = message.as_dict(only_output_properties=True)
    assert output["language"]["detected"] == "vi"


def test_messages_without_a_language_cannot_train_it(workshop: Workshop) -> None:
    data = TrainingData([training_message("hello", "greet", None, "en-1")])
    with pytest.raises(UntrainedLanguageIdentifierError):
        workshop.create(LanguageIdentifier).train(data)


def test_untrained_component_does_not_guess(workshop: Workshop) -> None:
    with pytest.raises(UntrainedLanguageIdentifierError):
        workshop.create(LanguageIdentifier).identify("ciao", Context())
