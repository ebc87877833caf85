"""Answers topics that no message was trained for: by the questions of their articles, which may be minutes
old.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, ENTITY_ATTRIBUTE_TYPE
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.encoder_featurizer import (
    ENCODER,
    ENCODING,
    load_encoder,
    vector_cache_file,
)
from bot.components.label_classifier import UNDERSTANDING, set_understanding
from bot.components.language_identifier import LANGUAGE
from bot.components.written_form import text_to_read
from bot.context import parse_context
from bot.evaluation import OUT_OF_SCOPE
from bot.learning.training_messages import label_of
from bot.live_knowledge import live_knowledge
from bot.question_index import VectorCache
from bot.understanding import RANKED, Thresholds, Understanding, decide
from locales.knowledge import is_topic
from locales.languages import find_language
from locales.markets import default_language

LIKELIHOOD = "likelihood"
OFFER_FROM = "offer_from"
SURE_FROM = "sure_from"
ANSWER_FROM = "answer_from"
CLARIFY_FROM = "clarify_from"

_LABELS_FILE = "labels.json"
# What a message means where the articles of all that it may mean are gone.
_NOTHING = Understanding(OUT_OF_SCOPE, 0.0, ((OUT_OF_SCOPE, 0.0),), "fallback")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class KnowledgeRetriever(GraphComponent):
    """Corrects `understanding` by the knowledge base as it is now.

    A topic that the classifier was not trained on wins where one of its questions is close to the message,
    and closer than those of the other topics. A topic whose articles are gone is no answer any more.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # As of the EncoderFeaturizer: it encodes the questions.
            ENCODER: "models/encoder",
            # How likely a message asks a topic that nothing was trained on, as a logistic regression over the
            # closeness of the topic's best question (0 to 2), that of the best question of a trained topic,
            # the logarithm of the classifier's confidence, the probability that it gives out_of_scope, and
            # whether the topic has no article in the message's language. Fitted on messages about twelve new
            # topics (tests/data/knowledge) and on the dev messages, by other hands; with the last number
            # 0.4 % of the latter are answered with a new topic (`make bench-knowledge`).
            LIKELIHOOD: [12.1, -0.2, -1.6, 2.5, 1.5, -9.2],
            # From this likelihood on a new topic is offered where the message seems out of scope otherwise.
            OFFER_FROM: 0.1,
            # From this confidence on a trained topic or task is meant, and no article is looked for: a new
            # topic would have to be likelier still, and half of the messages are spared the encoder.
            SURE_FROM: 0.99,
            # As of the LabelClassifier.
            ANSWER_FROM: 0.85,
            CLARIFY_FROM: 0.25,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        trained: frozenset[str] = frozenset(),
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._trained = trained
        self._thresholds = Thresholds(
            config[ANSWER_FROM], config[CLARIFY_FROM], expected_boost=1.0, asked_boost=1.0, offered_boost=1.0
        )

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> KnowledgeRetriever:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> KnowledgeRetriever:
        """Load what `train` wrote, and encode the questions. Raises ValueError or OSError where that is
        damaged.
        """
        with model_storage.read_from(resource) as folder:
            trained = frozenset(json.loads((folder / _LABELS_FILE).read_text(encoding="utf-8")))
        folder_name = config[ENCODER]

        def make_cache() -> VectorCache:
            encoder = load_encoder(folder_name)
            return VectorCache(vector_cache_file(folder_name), lambda texts: encoder.encode(texts).questions)

        live_knowledge().use_encoder(make_cache)
        return cls(config, model_storage, resource, trained)

    def train(self, training_data: TrainingData) -> Resource:
        """Remember which labels there are messages for."""
        labels = sorted({label_of(message) for message in training_data.intent_examples})
        with self._model_storage.write_to(self._resource) as folder:
            (folder / _LABELS_FILE).write_text(json.dumps(labels), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            understood: dict[str, Any] | None = message.get(UNDERSTANDING)
            if understood is not None:
                corrected = self._correct(message, understood)
                if corrected is not None:
                    set_understanding(message, corrected)
        return messages

    def _correct(self, message: Message, understood: dict[str, Any]) -> Understanding | None:
        """Return what the message means by the knowledge base of now; None where that is what it meant
        before.
        """
        context = parse_context(message.get("metadata"))
        base = live_knowledge().base
        if context.pressed is not None:
            label = context.pressed.value
            if context.pressed.kind != "label" or not is_topic(label):
                return None
            return (
                Understanding(label, 1.0, ((label, 1.0),), "answer") if base.find_topic(label) else _NOTHING
            )
        details = {entity[ENTITY_ATTRIBUTE_TYPE] for entity in message.get(ENTITIES) or ()}
        if context.expecting in details:
            return None
        ranking = [(entry["label"], entry["confidence"]) for entry in understood["ranking"]]
        if understood["label"] != ranking[0][0] and base.find_topic(understood["label"]):
            # Yes to what was offered: the message says it in no other way.
            return None
        left = [
            (label, confidence)
            for label, confidence in ranking
            if not is_topic(label) or base.find_topic(label)
        ]
        found = self._find(message, ranking, context.language)
        is_strange = (
            found is not None
            and ranking[0][0] == OUT_OF_SCOPE
            and found.likelihood >= self._config[OFFER_FROM]
        )
        if found is not None and found.likelihood > (left[0][1] if left else self._thresholds.clarify_from):
            rest = 1.0 - found.likelihood
            left = [(found.topic, found.likelihood), *((label, share * rest) for label, share in left)]
        elif found is not None and (understood["decision"] == "clarify" or is_strange):
            # Worth being offered, also in place of "that is not our business": somebody has written of it.
            left = sorted([*left, (found.topic, found.likelihood)], key=lambda entry: -entry[1])
        if left == ranking:
            return None
        if not left:
            return _NOTHING
        label, confidence = left[0]
        shown = tuple((name, round(share, 4)) for name, share in left[:RANKED])
        decision = decide(confidence, self._thresholds)
        if is_strange and label == OUT_OF_SCOPE:
            decision = "clarify"
        if understood["decision"] == "fallback" and label == understood["label"]:
            decision = "fallback"
        return Understanding(label, round(confidence, 4), shown, decision)

    def _find(
        self, message: Message, ranking: list[tuple[str, float]], language_so_far: str | None
    ) -> _Found | None:
        """Return the new topic that the message asks best, if there is any."""
        closest = self.find_closest(message, ranking, language_so_far)
        if closest is None:
            return None
        topic, evidence = closest
        *weights, constant = self._config[LIKELIHOOD]
        score = sum(weight * value for weight, value in zip(weights, evidence, strict=True)) + constant
        return _Found(topic, 1 / (1 + math.exp(-score)))

    def find_closest(
        self, message: Message, ranking: list[tuple[str, float]], language_so_far: str | None
    ) -> tuple[str, tuple[float, ...]] | None:
        """Return the new topic with the closest question and what speaks for it (see LIKELIHOOD), if any."""
        index, encoding = live_knowledge().index, message.get(ENCODING)
        recognised = message.get(LANGUAGE) or {}
        if index is None or encoding is None or index.topics <= self._trained or recognised.get("foreign"):
            return None
        label, confidence = ranking[0]
        if label != OUT_OF_SCOPE and confidence >= self._config[SURE_FROM]:
            return None
        detected = find_language(recognised.get("detected"))
        language = detected.tag if detected else language_so_far or default_language()
        vector = encoding().questions[0]
        closest = index.search(text_to_read(message), vector, language, most=len(self._trained) + 1)
        new = next(((topic, score) for topic, score in closest if topic not in self._trained), None)
        if new is None:
            return None
        old = next((score for topic, score in closest if topic in self._trained), 0.0)
        topic, closeness = new
        evidence = (
            closeness,
            old,
            math.log(max(ranking[0][1], 1e-6)),
            dict(ranking).get(OUT_OF_SCOPE, 0.0),
            float(live_knowledge().base.find_article(topic, language) is None),
        )
        return topic, evidence


@dataclass(frozen=True)
class _Found:
    topic: str
    likelihood: float
