"""What does a message mean? A calibrated linear model, read in the light of what the bot has just asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_TYPE,
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
    TEXT_TOKENS,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy import sparse

from bot.components.encoder_featurizer import ENCODING
from bot.components.language_identifier import LANGUAGE
from bot.context import Context, parse_context
from bot.fingerprint import LEARNT_WITH, fingerprint
from bot.learning.dense_model import DenseModel, fit_dense_model
from bot.learning.label_features import NgramCounts, Vocabulary, count_ngrams
from bot.learning.linear_model import LinearModel, fit_linear_model, fit_temperature, weigh_opinions
from bot.learning.training_messages import author_group, hold_out, label_of, language_of
from bot.understanding import Thresholds, Understanding, understand
from locales.languages import find_language

UNDERSTANDING = "understanding"

LONGEST_NGRAM = "longest_ngram"
LEAST_MESSAGES = "least_messages"
SOFTNESS = "softness"
DENSE_SOFTNESS = "dense_softness"
DENSE_WEIGHT = "dense_weight"
NGRAM_WEIGHT = "ngram_weight"
SURE_FROM = "sure_from"
PIECES = "pieces"
ANSWER_FROM = "answer_from"
CLARIFY_FROM = "clarify_from"
EXPECTED_BOOST = "expected_boost"
ASKED_BOOST = "asked_boost"
OFFERED_BOOST = "offered_boost"
GUESS_FOREIGN = "guess_foreign"


# Messages by authors not trained on that the temperature is found on.
_ASKED = 8000


class UntrainedLabelClassifierError(RuntimeError):
    """There is no model, or too few training messages to make one of."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LabelClassifier(GraphComponent, IntentClassifier):
    """Sets `understanding` on a message: `{"label", "confidence", "ranking": [{"label", "confidence"} × 5],
    "decision"}`.

    `decision` is "answer", "clarify" (offer the likeliest) or "fallback". For Rasa's rules it sets `intent`
    as well: the label up to its slash ("faq" for "faq/return_policy"), or `nlu_fallback` unless the decision
    is to answer.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # Characters of the longest n-gram; five doubles the model and gains nothing on held-out authors.
            LONGEST_NGRAM: 4,
            # Messages that must have an n-gram for it to count. Those of one message are two in three: they
            # gain 1.1 % on held-out authors, and cost three times the memory.
            LEAST_MESSAGES: 2,
            # The support vector machine's C.
            SOFTNESS: 0.5,
            # Inverse regularisation of the logistic regression over the encoder's vectors …
            DENSE_SOFTNESS: 0.3,
            # … and how its opinion and that of the n-grams are weighed: exponents of their probabilities. The
            # encoder was tuned on these very messages, so they can't be found by training on them: on dev
            # messages by other hands these err least about how sure to be (by 1.4 %), and 0.3 to 0.6 against
            # 0.7 to 0.6 answers as well.
            DENSE_WEIGHT: 0.5,
            NGRAM_WEIGHT: 0.7,
            # From this confidence on n-grams are sure alone, and the message isn't encoded: three in four dev
            # messages, as many of them rightly as with the encoder.
            SURE_FROM: 0.95,
            # Whether the tokeniser's pieces count beside words.
            PIECES: True,
            # From this confidence on the bot answers: 94 % of dev messages about the shop, 99 % of these
            # rightly, in no language less than 88 and 97.5 %. From 0.7 on it would be 96 and 99 %, but 92 and
            # 96.6 % in English …
            ANSWER_FROM: 0.85,
            # … and from this one it offers the likeliest labels; below is nonsense, mostly.
            CLARIFY_FROM: 0.25,
            # How many times likelier an answer is once the detail is there that the bot has just asked for …
            EXPECTED_BOOST: 20.0,
            # … and without it: "I've lost the e-mail" is an answer, too …
            ASKED_BOOST: 5.0,
            # … and a label that it has just offered.
            OFFERED_BOOST: 3.0,
            # Whether to guess at messages in languages that it was not trained on. Of what would be answered
            # in German, French, Turkish and Japanese 14 % is right; an encoder that knows them may do better.
            GUESS_FOREIGN: False,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: LinearModel | None = None,
        dense: DenseModel | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model
        self._dense = dense
        self._thresholds = Thresholds(
            answer_from=config[ANSWER_FROM],
            clarify_from=config[CLARIFY_FROM],
            expected_boost=config[EXPECTED_BOOST],
            asked_boost=config[ASKED_BOOST],
            offered_boost=config[OFFERED_BOOST],
        )

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LabelClassifier:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LabelClassifier:
        """Load what `train` wrote. Raises ValueError or OSError where that is damaged."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, LinearModel.load(folder), DenseModel.load(folder))

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Return a hash of the code that it learns with, so that Rasa trains anew when that has changed."""
        return fingerprint(names=LEARNT_WITH)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the labels, and on held-out authors how sure to be of them.

        Raises:
            UntrainedLabelClassifierError: There are fewer than two labels.
        """
        examples = training_data.intent_examples
        labels = [label_of(message) for message in examples]
        if len(set(labels)) < 2:
            raise UntrainedLabelClassifierError("training messages of two labels at least are needed")
        seen = (self._see(message, language_of(message)) for message in examples)
        vocabulary, ngrams, matrix = Vocabulary.fit(seen, self._config[LEAST_MESSAGES])
        held_out = np.array(hold_out([author_group(message) for message in examples]))
        temperature = self._find_temperature(vocabulary, matrix, np.array(labels), held_out)
        self._model = fit_linear_model(
            vocabulary, matrix, labels, softness=self._config[SOFTNESS], temperature=temperature
        )
        encoded = [
            (vector, label)
            for message, label in zip(examples, labels, strict=True)
            if (vector := _vector_of(message)) is not None
        ]
        if encoded:
            vectors, of_vectors = zip(*encoded, strict=True)
            self._dense = fit_dense_model(
                np.stack(vectors), of_vectors, self._model.labels, self._config[DENSE_SOFTNESS]
            )
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder, ngrams)
            if self._dense is not None:
                self._dense.save(folder)
        return self._resource

    def _find_temperature(
        self, vocabulary: Vocabulary, matrix: sparse.csr_matrix, labels: np.ndarray, held_out: np.ndarray
    ) -> float:
        """Work out how sure n-grams are to be, on messages by authors that a model has not seen."""
        model = fit_linear_model(
            vocabulary, matrix[~held_out], labels[~held_out].tolist(), softness=self._config[SOFTNESS]
        )
        # A label that only the held-out authors have cannot be found by the others' model.
        strange = np.flatnonzero(held_out & np.isin(labels, model.labels))
        if not len(strange):
            return 1.0
        # As many as tell it to a hundredth.
        strange = strange[:: max(1, len(strange) // _ASKED)]
        truths = np.array([model.labels.index(label) for label in labels[strange]])
        return fit_temperature(model.scores_of(matrix[strange]), truths, least=0.5, most=20.0)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            context = parse_context(message.get("metadata"))
            details = {entity[ENTITY_ATTRIBUTE_TYPE] for entity in message.get(ENTITIES) or ()}
            understanding = self.classify(message, context, details)
            foreign = (message.get(LANGUAGE) or {}).get("foreign") and not self._config[GUESS_FOREIGN]
            if foreign and context.expecting not in details:
                understanding = replace(understanding, decision="fallback")
            set_understanding(message, understanding)
        return messages

    def classify(self, message: Message, context: Context, details: set[str]) -> Understanding:
        """Return what a message means.

        Args:
            message: With the tokeniser's pieces and the encoder's features where the pipeline has them.
            context: What the service and the channel know beside the text.
            details: Names of the entities found in the text.

        Raises:
            UntrainedLabelClassifierError: There is no model.
        """
        if self._model is None:
            raise UntrainedLabelClassifierError("train or load the model first")
        spoken = (message.get(LANGUAGE) or {}).get("detected")
        probabilities = self._model.probabilities(self._see(message, spoken))
        if self._dense is not None and probabilities.max() < self._config[SURE_FROM]:
            vector = _vector_of(message)
            if vector is not None:
                probabilities = weigh_opinions(
                    (self._dense.probabilities(vector), self._config[DENSE_WEIGHT]),
                    (probabilities, self._config[NGRAM_WEIGHT]),
                )
        return understand(self._model.labels, probabilities, context, details, self._thresholds)

    def _see(self, message: Message, spoken: str | None) -> NgramCounts:
        language = find_language(spoken)
        tokens = message.get(TEXT_TOKENS) or () if self._config[PIECES] else ()
        return count_ngrams(
            message.get(TEXT) or "",
            [token.lemma for token in tokens],
            self._config[LONGEST_NGRAM],
            language.script if language else None,
        )


def _vector_of(message: Message) -> np.ndarray | None:
    """Return the encoder's vector of a message, or None where the pipeline has no encoder."""
    encoding = message.get(ENCODING)
    if encoding is not None:
        return np.asarray(encoding().sentences[0])
    _, sentence = message.get_dense_features(TEXT, [])
    return None if sentence is None else np.asarray(sentence.features)[0]


def set_understanding(message: Message, understanding: Understanding) -> None:
    """Set on a message what it means, and what Rasa's rules go by."""
    message.set(UNDERSTANDING, understanding.as_dict(), add_to_output=True)
    answered = understanding.decision == "answer"
    name = understanding.label.partition("/")[0] if answered else DEFAULT_NLU_FALLBACK_INTENT_NAME
    intent = {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: understanding.confidence}
    message.set(INTENT, intent, add_to_output=True)
    ranking = [
        {INTENT_NAME_KEY: label, PREDICTED_CONFIDENCE_KEY: confidence}
        for label, confidence in understanding.ranking
    ]
    message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
