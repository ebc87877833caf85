"""Topics that nothing was trained for, and topics whose articles are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components import knowledge_retriever
from bot.components.encoder_featurizer import ENCODING, Encoded
from bot.components.knowledge_retriever import KnowledgeRetriever
from bot.components.label_classifier import UNDERSTANDING
from bot.components.language_identifier import LANGUAGE
from bot.question_index import QuestionIndex, VectorCache
from locales.articles import ONLY, Article
from locales.knowledge import KnowledgeBase, Topic
from tests.unit.bot.test_question_index import Embedding

OLD = Article("faq/old", "en", "abab", ("abba", "baba"), None, {ONLY: "…"})
NEW = Article("faq/new", "en", "ghgh", ("ghij jihg", "jihg"), None, {ONLY: "…"})
TRAINED = frozenset({"faq/old", "faq/gone", "greet", "out_of_scope"})


class Live:
    """What the process answers with, without files and threads."""

    def __init__(self, *articles: Article) -> None:
        topics = {article.topic: Topic(article.topic, "", ()) for article in articles}
        self.base = KnowledgeBase(topics, {(one.topic, one.language): one for one in articles})
        self.index = QuestionIndex(articles, VectorCache(None, Embedding()))


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    live = Live(OLD, NEW)
    monkeypatch.setattr(knowledge_retriever, "live_knowledge", lambda: live)
    return live


def make_retriever(trained: frozenset[str] = TRAINED) -> KnowledgeRetriever:
    config = KnowledgeRetriever.get_default_config()
    return KnowledgeRetriever(config, LocalModelStorage(Path("unused")), Resource("retriever"), trained)


def ask(
    text: str, ranking: dict[str, float], decision: str = "answer", language: str = "en", **metadata: Any
) -> dict[str, Any]:
    label, confidence = next(iter(ranking.items()))
    understood = {
        "label": metadata.pop("label", label),
        "confidence": confidence,
        "ranking": [{"label": name, "confidence": share} for name, share in ranking.items()],
        "decision": decision,
    }
    vectors = Embedding()([text]).astype(np.float32)
    message = Message(
        {
            TEXT: text,
            UNDERSTANDING: understood,
            LANGUAGE: {"detected": language, "foreign": metadata.pop("foreign", False)},
            ENTITIES: [{"entity": name, "value": "x"} for name in metadata.pop("details", ())],
            "metadata": metadata,
            ENCODING: lambda: Encoded(vectors, vectors, [], []),
        }
    )
    (processed,) = make_retriever().process([message])
    found: dict[str, Any] = {**processed.get(UNDERSTANDING), "intent": processed.get(INTENT)}
    return found


def test_a_close_question_wins_over_a_classifier_that_is_not_sure(live: Live) -> None:
    found = ask("jihg ghij", {"out_of_scope": 0.4, "faq/old": 0.2}, "clarify")
    assert (found["label"], found["decision"]) == ("faq/new", "answer")
    assert found["intent"]["name"] == "faq"
    assert [entry["label"] for entry in found["ranking"]] == ["faq/new", "out_of_scope", "faq/old"]
    assert sum(entry["confidence"] for entry in found["ranking"]) <= 1.001


def test_a_message_that_is_plainly_something_else_stays_so(live: Live) -> None:
    found = ask("abba", {"faq/old": 0.97, "greet": 0.01})
    assert (found["label"], found["confidence"]) == ("faq/old", 0.97)


def test_nothing_is_looked_for_where_the_classifier_is_sure(live: Live) -> None:
    found = ask("jihg ghij", {"faq/old": 0.995, "greet": 0.001})
    assert (found["label"], found["confidence"]) == ("faq/old", 0.995)
    assert ask("jihg ghij", {"out_of_scope": 0.995, "greet": 0.001})["label"] == "faq/new"


def test_a_new_topic_is_offered_in_place_of_out_of_scope(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        KnowledgeRetriever, "find_closest", lambda *_: ("faq/new", (0.4, 0.4, -0.3, 0.76, 1.0))
    )
    found = ask("affilate", {"out_of_scope": 0.76, "faq/old": 0.07})
    assert (found["label"], found["decision"]) == ("out_of_scope", "clarify")
    assert "faq/new" in [entry["label"] for entry in found["ranking"]]
    monkeypatch.setattr(
        KnowledgeRetriever, "find_closest", lambda *_: ("faq/new", (0.0, 0.4, -0.3, 0.76, 1.0))
    )
    assert ask("che ore sono", {"out_of_scope": 0.76, "faq/old": 0.07})["decision"] == "answer"


def test_what_may_be_meant_is_offered(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    config = KnowledgeRetriever.get_default_config()
    # As likely as not … less the half.
    config["likelihood"] = [0.0, 0.0, 0.0, 0.0, 0.0, -1.0]
    monkeypatch.setattr(KnowledgeRetriever, "get_default_config", staticmethod(lambda: config))
    found = ask("gabe", {"faq/old": 0.5, "greet": 0.2}, "clarify")
    assert [entry["label"] for entry in found["ranking"]] == ["faq/old", "faq/new", "greet"]
    assert found["decision"] == "clarify"
    assert "faq/new" not in [entry["label"] for entry in ask("gabe", {"faq/old": 0.9})["ranking"]]


def test_a_topic_whose_articles_are_gone_is_no_answer(live: Live) -> None:
    found = ask("abba", {"faq/gone": 0.9, "faq/old": 0.05})
    assert (found["label"], found["decision"]) == ("faq/old", "fallback")
    for pressed in (None, "label:faq/gone"):
        nothing = ask("abba", {"faq/gone": 0.9}, pressed=pressed)
        assert (nothing["label"], nothing["decision"]) == ("out_of_scope", "fallback")
        assert [entry["label"] for entry in nothing["ranking"]] == ["out_of_scope"]


def test_a_button_of_a_new_topic_is_pressed(live: Live) -> None:
    found = ask("ghgh", {"greet": 0.3}, "fallback", pressed="label:faq/new")
    assert (found["label"], found["confidence"], found["decision"]) == ("faq/new", 1.0, "answer")
    known = ask("x", {"faq/old": 1.0}, pressed="label:faq/old")
    assert known["label"] == "faq/old"
    gone = ask("x", {"greet": 0.3}, "fallback", pressed="label:faq/nothing")
    assert (gone["label"], gone["decision"]) == ("out_of_scope", "fallback")
    assert ask("x", {"greet": 1.0}, pressed="label:greet")["label"] == "greet"


def test_yes_to_an_offer_stays_a_yes(live: Live) -> None:
    found = ask("ok", {"greet": 0.8, "faq/gone": 0.1}, label="faq/old")
    assert (found["label"], found["decision"]) == ("faq/old", "answer")


def test_a_language_that_the_shop_does_not_speak_is_not_guessed_at(live: Live) -> None:
    found = ask("ghij jihg", {"out_of_scope": 0.4}, "fallback", language="unknown", foreign=True)
    assert (found["label"], found["decision"]) == ("out_of_scope", "fallback")


def test_the_detail_that_was_asked_for_is_no_question(live: Live) -> None:
    found = ask("ghij jihg", {"inform": 0.5}, "clarify", expecting="order_number", details=["order_number"])
    assert found["label"] == "inform"


def test_a_language_without_the_article_and_an_unknown_one_are_searched(live: Live) -> None:
    for language in ("it", "unknown"):
        found = ask("ghij jihg", {"out_of_scope": 0.4}, "clarify", language=language)
        assert found["label"] == "faq/new", language


def test_without_new_topics_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    live = Live(OLD)
    monkeypatch.setattr(knowledge_retriever, "live_knowledge", lambda: live)
    monkeypatch.setattr(QuestionIndex, "search", lambda *_: pytest.fail("searched in vain"))
    assert ask("ghij", {"out_of_scope": 0.4}, "clarify")["label"] == "out_of_scope"


def test_it_remembers_what_was_trained(tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    retriever = KnowledgeRetriever(KnowledgeRetriever.get_default_config(), storage, Resource("retriever"))
    examples = [
        Message({TEXT: "a", INTENT: "faq", "metadata": {"label": label, "language": "en", "author": "en-1"}})
        for label in ("faq/old", "greet", "faq/old")
    ]
    retriever.train(TrainingData(examples))
    with storage.read_from(Resource("retriever")) as folder:
        assert (folder / "labels.json").read_text() == '["faq/old", "greet"]'
