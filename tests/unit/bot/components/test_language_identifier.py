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
    "fr": "j'ai combien de temps pour renvoyer un article ?",
    "de": "wie lange habe ich Zeit, etwas zurückzuschicken?",
    "es": "¿cuántos días tengo para devolver una cosa?",
    "pt": "quantos dias eu tenho para devolver um produto?",
    "ja": "返品は何日以内ならできますか",
    "zh": "收到货几天之内可以退",
    "ar": "كم يوم عندي عشان أرجع المنتج؟",
}
# Nothing to do with a shop.
GENERAL = {
    "en": "The lighthouse keeper's daughter learned to sail before she could read.",
    "he": "הגשם הראשון ירד בלילה, ובבוקר כל השדות היו ירוקים",
    "vi": "Chiều qua bọn trẻ thả diều trên đê đến tối mịt",
    "it": "Il gatto della vicina dorme tutto il giorno sul davanzale.",
    "nl": "De kinderen schaatsten tot het donker werd op de bevroren gracht.",
    "fr": "Les pêcheurs rentrent au port quand la brume se lève.",
    "de": "Die Katze schläft den ganzen Tag auf dem warmen Ofen.",
    "es": "Los pescadores vuelven al puerto cuando se levanta la niebla.",
    "pt": "O gato da vizinha dorme o dia inteiro na janela.",
    "ja": "猫は一日中あたたかい縁側で寝ている",
    "zh": "孩子们在河堤上放风筝一直玩到天黑",
    "ar": "نامت القطة طوال النهار قرب المدفأة",
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


@pytest.fixture
def identifier(shops_identifier: LanguageIdentifier) -> LanguageIdentifier:
    return shops_identifier


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_sentence_is_recognised_by_itself(identifier: LanguageIdentifier, language: str, text: str) -> None:
    found = identifier.identify(text, Context())
    assert found["detected"] == language
    assert found["confidence"] > 0.9
    assert found["ranking"][0] == {"language": language, "confidence": found["confidence"]}
    assert sum(entry["confidence"] for entry in found["ranking"]) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize(("language", "text"), GENERAL.items())
def test_sentence_on_anything_is_recognised(identifier: LanguageIdentifier, language: str, text: str) -> None:
    assert identifier.identify(text, Context())["detected"] == language


@pytest.mark.parametrize(
    ("text", "language"),
    [("eifo ha hazmana sheli, lo higia klum", "he"), ("fen el order beta3i ya gama3a mesh wasel", "ar")],
)
def test_romanised_message_stays_with_the_conversation(
    identifier: LanguageIdentifier, text: str, language: str
) -> None:
    found = identifier.identify(text, Context(language=language))
    assert found["detected"] == language
    assert not found["foreign"]


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


@pytest.mark.parametrize(("text", "language"), [("bizum?", "es"), ("Satispay ok?", "it"), ("GHN", "vi")])
def test_a_name_that_one_market_has_to_itself_is_a_hint(
    identifier: LanguageIdentifier, text: str, language: str
) -> None:
    found = identifier.identify(text, Context())
    assert (found["detected"], found["words"]) == (language, 1)
    assert found["confidence"] < 0.6
    assert identifier.identify(text, Context(language_hint="de"))["detected"] == "de"


def test_a_name_that_several_markets_know_is_none(identifier: LanguageIdentifier) -> None:
    assert identifier.identify("PayPal", Context())["detected"] == "unknown"


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
        "제 주문은 어디에 있나요",
        "πού είναι η παραγγελία μου;",
        "मेरा ऑर्डर कहाँ है",
        "Dzień dobry, chciałbym wiedzieć, kiedy w końcu dotrze moja paczka.",
        "Hej, jag undrar när mitt paket kommer fram, det är redan försenat.",
        "Merhaba, siparişim ne zaman gelecek acaba, çok geç kaldı.",
        "Halo, pesanan saya kapan sampai ya, sudah seminggu belum datang.",
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
