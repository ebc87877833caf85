"""Predicting what a message means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.shared.nlu.constants import TEXT, TEXT_TOKENS
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.encoder_featurizer import ENCODING, Encoded
from bot.components.label_classifier import LabelClassifier, UntrainedLabelClassifierError
from tests.unit.bot.components.conftest import Workshop, customers_message, training_message

EXAMPLES = {
    "faq/shipping_cost": (
        ["how much is delivery", "what does shipping cost", "delivery price please", "is postage free"],
        ["quanto costa la spedizione", "spese di consegna", "la spedizione è gratis", "prezzo di spedizione"],
    ),
    "faq/return_policy": (
        ["can I send it back", "how do returns work", "return policy", "returning an item"],
        ["posso rendere un articolo", "come funziona il reso", "politica dei resi", "vorrei fare un reso"],
    ),
    "track_order": (
        ["where is my order", "track my parcel", "where is 48213", "has my order shipped"],
        ["dov'è il mio ordine", "dove sta il pacco", "il mio ordine 48213", "tracciare il pacco"],
    ),
    "inform": (
        ["48213", "it is 77-1203", "anna@libero.it", "#2291"],
        ["ecco 48213", "è 48213", "numero 7712", "la mail è a@b.it"],
    ),
    "greet": (
        ["hello", "hi there", "good morning", "hey"],
        ["ciao", "buongiorno", "salve", "ehi ciao"],
    ),
}


def data() -> TrainingData:
    return TrainingData(
        [
            training_message(text, label, language, f"{language}-{position % 2 + 1}")
            for label, by_language in EXAMPLES.items()
            for language, texts in zip(("en", "it"), by_language, strict=True)
            for position, text in enumerate(texts)
        ]
    )


@pytest.fixture
def classifier(workshop: Workshop) -> LabelClassifier:
    trained: LabelClassifier = workshop.create(
        LabelClassifier, answer_from=0.4, clarify_from=0.25, least_messages=1
    )
    trained.train(data())
    return trained


def read(
    classifier: LabelClassifier, text: str, entities: list[str] | None = None, **metadata: Any
) -> dict[str, Any]:
    message = customers_message(text, **metadata)
    message.set("entities", [{"entity": name, "value": "x"} for name in entities or []])
    (message,) = classifier.process([message])
    output: dict[str, Any] = message.as_dict(only_output_properties=True)
    return output


@pytest.mark.parametrize(
    ("text", "label", "intent"),
    [
        ("how much does delivery cost", "faq/shipping_cost", "faq"),
        ("vorrei fare un reso", "faq/return_policy", "faq"),
        ("dove sta il mio ordine", "track_order", "track_order"),
        ("hello", "greet", "greet"),
    ],
)
def test_label_is_whole_and_intent_is_what_rules_know(
    classifier: LabelClassifier, text: str, label: str, intent: str
) -> None:
    output = read(classifier, text)
    assert output["understanding"]["label"] == label
    assert output["understanding"]["decision"] == "answer"
    assert output["intent"]["name"] == intent
    assert output["intent"]["confidence"] == output["understanding"]["confidence"]
    assert output["intent_ranking"][0]["name"] == label


HEBREW = {
    "track_order": ["איפה ההזמנה שלי", "ההזמנה לא הגיעה", "מתי ההזמנה תגיע", "איפה החבילה"],
    "faq/return_policy": ["אפשר להחזיר מוצר", "איך מחזירים", "תנאי החזרה", "כמה זמן להחזיר"],
}


def understand_in(
    workshop: Workshop, language: str, examples: dict[str, list[str]], *texts: str
) -> list[dict[str, Any]]:
    """Return what messages in one language mean to a classifier that has learnt these examples alone."""
    classifier: LabelClassifier = workshop.create(LabelClassifier, least_messages=1)
    classifier.train(
        TrainingData(
            [
                training_message(text, label, language, f"{language}-{position % 2 + 1}")
                for label, of_label in examples.items()
                for position, text in enumerate(of_label)
            ]
        )
    )
    messages = [customers_message(text) for text in texts]
    for message in messages:
        message.set("language", {"detected": language})
    return [message.get("understanding") for message in classifier.process(messages)]


@pytest.mark.parametrize(
    ("text", "label"),
    [("eifo hahazmana sheli", "track_order"), ("efshar lehahzir muzar", "faq/return_policy")],
)
def test_romanised_message_is_known_from_those_in_hebrew_letters(
    workshop: Workshop, text: str, label: str
) -> None:
    (understanding,) = understand_in(workshop, "he", HEBREW, text)
    assert understanding["label"] == label
    assert understanding["confidence"] > 0.6


CHINESE = {
    "faq/customs_duties": ["关税谁出", "要交关税吗", "进口税怎么算", "海关会收税吗"],
    "request_human": ["转专员", "帮我转人工", "请转真人客服", "找个人来"],
}


@pytest.mark.parametrize(
    ("traditional", "simplified", "label"),
    [("關稅誰出", "关税谁出", "faq/customs_duties"), ("轉專員", "转专员", "request_human")],
)
def test_traditional_chinese_is_known_from_messages_in_simplified(
    workshop: Workshop, traditional: str, simplified: str, label: str
) -> None:
    one, other = understand_in(workshop, "zh", CHINESE, traditional, simplified)
    assert one == other
    assert one["label"] == label


def test_unsure_is_the_intent_that_rules_have_for_it(classifier: LabelClassifier) -> None:
    output = read(classifier, "xyzzy")
    assert output["intent"]["name"] == "nlu_fallback"
    assert output["understanding"]["decision"] != "answer"
    assert len(output["understanding"]["ranking"]) == 5


def test_ranking_adds_up_to_one_and_falls(classifier: LabelClassifier) -> None:
    shares = [entry["confidence"] for entry in read(classifier, "the parcel")["understanding"]["ranking"]]
    assert sum(shares) == pytest.approx(1, abs=0.001)
    assert shares == sorted(shares, reverse=True)


def test_question_before_the_message_decides_how_a_detail_is_read(classifier: LabelClassifier) -> None:
    text = "parcel 48213"
    assert read(classifier, text, ["order_number"])["understanding"]["label"] == "track_order"
    asked = read(classifier, text, ["order_number"], expecting="order_number")
    assert asked["understanding"]["label"] == "inform"


@pytest.mark.parametrize(("foreign", "decision"), [(True, "fallback"), (False, "answer")])
def test_message_in_an_unknown_language_is_not_guessed_at(
    classifier: LabelClassifier, foreign: bool, decision: str
) -> None:
    message = customers_message("where is my order")
    message.set("language", {"detected": "unknown", "foreign": foreign})
    (processed,) = classifier.process([message])
    assert processed.get("understanding")["decision"] == decision


def test_detail_that_was_asked_for_is_taken_in_any_language(classifier: LabelClassifier) -> None:
    message = customers_message("number 48213", expecting="order_number")
    message.set("language", {"detected": "unknown", "foreign": True})
    message.set("entities", [{"entity": "order_number", "value": "48213"}])
    (processed,) = classifier.process([message])
    assert processed.get("understanding")["decision"] == "answer"


def test_pressed_button_needs_no_classifying(classifier: LabelClassifier) -> None:
    output = read(classifier, "Resi", pressed="label:faq/return_policy")
    assert output["understanding"] == {
        "label": "faq/return_policy",
        "confidence": 1.0,
        "ranking": [{"label": "faq/return_policy", "confidence": 1.0}],
        "decision": "answer",
    }
    assert output["intent"]["name"] == "faq"


def test_loaded_component_answers_like_the_trained_one(workshop: Workshop) -> None:
    trained = workshop.create(LabelClassifier)
    trained.train(data())
    loaded = workshop.load(LabelClassifier)
    for text in ("how much is it", "48213", "dove", "", "👍"):
        assert read(loaded, text) == read(trained, text)


def with_features(message: Message) -> Message:
    text = message.get(TEXT)
    message.set(TEXT_TOKENS, [Token(word, 0, lemma=f"▁{word}") for word in text.split()])
    vector = np.array([[len(text) / 20, text.count("o")]], dtype=np.float32)
    message.add_features(Features(vector, "sentence", TEXT, "encoder"))
    return message


def test_encoder_and_tokeniser_are_used_where_the_pipeline_has_them(workshop: Workshop) -> None:
    trained = workshop.create(LabelClassifier)
    trained.train(TrainingData([with_features(message) for message in data().training_examples]))
    loaded = workshop.load(LabelClassifier)
    messages = [with_features(customers_message("where is the parcel")) for _ in range(2)]
    (first,), (second,) = trained.process(messages[:1]), loaded.process(messages[1:])
    assert first.get("understanding") == second.get("understanding")
    assert first.get("understanding")["label"] == "track_order"


@pytest.mark.parametrize(("sure_from", "encoded"), [(0.0, 0), (1.1, 1)])
def test_a_message_is_encoded_only_where_ngrams_are_not_sure(
    workshop: Workshop, sure_from: float, encoded: int
) -> None:
    classifier = workshop.create(LabelClassifier, sure_from=sure_from)
    classifier.train(TrainingData([with_features(message) for message in data().training_examples]))
    called = []

    def encode() -> Encoded:
        called.append(True)
        vector = np.array([[1.0, 2.0]], dtype=np.float32)
        return Encoded(vector, vector, [], [])

    message = customers_message("where is the parcel")
    message.set(ENCODING, encode)
    classifier.process([message])
    assert message.get("understanding")["label"] == "track_order"
    assert len(called) == encoded


def test_one_label_cannot_be_learnt(workshop: Workshop) -> None:
    greetings = TrainingData([training_message("hello", "greet", "en", "en-1")])
    with pytest.raises(UntrainedLabelClassifierError):
        workshop.create(LabelClassifier).train(greetings)


def test_untrained_component_does_not_guess(workshop: Workshop) -> None:
    with pytest.raises(UntrainedLabelClassifierError):
        workshop.create(LabelClassifier).process([customers_message("hello")])
