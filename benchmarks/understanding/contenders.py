"""What is compared. Each is fitted to messages, and then gives a text the probability of each label."""

from __future__ import annotations

import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bot.components.encoder_featurizer import TRAIN_ON_EVERY, Encoder, EncoderFeaturizer
from bot.components.label_classifier import (
    DENSE_SOFTNESS,
    DENSE_WEIGHT,
    LEAST_MESSAGES,
    LONGEST_NGRAM,
    NGRAM_WEIGHT,
    SOFTNESS,
    SURE_FROM,
    LabelClassifier,
)
from bot.learning.dense_model import fit_dense_model
from bot.learning.label_features import NgramCounts, Vocabulary, count_ngrams
from bot.learning.linear_model import fit_linear_model, fit_temperature, weigh_opinions
from bot.learning.training_messages import hold_out
from bot.training_data import TrainingMessage, author_number
from locales.languages import find_language
from scripts.environment import ROOT

SETTINGS = LabelClassifier.get_default_config()
_TEXTS_AT_ONCE = 32


class Contender(ABC):
    """`labels` are those of the probabilities, in their order."""

    name: str
    labels: tuple[str, ...]

    @abstractmethod
    def fit(self, messages: Sequence[TrainingMessage]) -> None: ...

    @abstractmethod
    def ask(self, text: str, language: str) -> np.ndarray:
        """Return the probability of each label; the language's code is known before it."""


class NGrams(Contender):
    """The shipped linear model without the encoder, over some kinds of n-grams."""

    def __init__(self, name: str, cut: Callable[[str], list[str]], kinds: str) -> None:
        self.name = name
        self._cut = cut
        self._kinds = kinds

    def count_ngrams(self, text: str, language: str | None) -> NgramCounts:
        spoken = find_language(language)
        script = spoken.script if spoken else None
        counts = count_ngrams(text, self._cut(text), SETTINGS[LONGEST_NGRAM], script)
        return {ngram: count for ngram, count in counts.items() if ngram[0] in self._kinds}

    def fit(self, messages: Sequence[TrainingMessage]) -> None:
        seen = (self.count_ngrams(message.text, message.language) for message in messages)
        vocabulary, _, matrix = Vocabulary.fit(seen, SETTINGS[LEAST_MESSAGES])
        labels = np.array([message.label for message in messages])
        # How sure to be is found as in what ships: on half of the authors, whose messages and copies of them
        # without accents a model has not seen.
        held = np.array(hold_out([author_number(message.author) % 2 for message in messages]))
        softness = SETTINGS[SOFTNESS]
        part = fit_linear_model(vocabulary, matrix[~held], labels[~held].tolist(), softness=softness)
        held &= np.isin(labels, part.labels)
        truths = np.array([part.labels.index(label) for label in labels[held]])
        temperature = fit_temperature(part.scores_of(matrix[held]), truths, least=0.5, most=20.0)
        self.model = fit_linear_model(
            vocabulary, matrix, labels.tolist(), softness=softness, temperature=temperature
        )
        self.labels = self.model.labels

    def ask(self, text: str, language: str) -> np.ndarray:
        return self.model.probabilities(self.count_ngrams(text, language))


class EncoderAlone(Contender):
    """Logistic regression over an encoder's vectors, of as many of the messages as config.yml says."""

    def __init__(self, name: str, encoder: Encoder) -> None:
        self.name = name
        self._encoder = encoder

    def fit(self, messages: Sequence[TrainingMessage]) -> None:
        messages = messages[:: _train_on_every()]
        texts = [message.text for message in messages]
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        vectors = np.zeros((len(texts), self._encoder.encode(["?"]).sentences.shape[1]), dtype=np.float32)
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            rows = order[start : start + _TEXTS_AT_ONCE]
            vectors[rows] = self._encoder.encode([texts[row] for row in rows]).sentences
        labels = [message.label for message in messages]
        self.labels = tuple(sorted(set(labels)))
        self.model = fit_dense_model(vectors, labels, self.labels, SETTINGS[DENSE_SOFTNESS])

    def ask(self, text: str, language: str) -> np.ndarray:
        return self.model.probabilities(self._encoder.encode([text]).sentences[0])


def _train_on_every() -> int:
    pipeline = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    name = f"{EncoderFeaturizer.__module__}.{EncoderFeaturizer.__name__}"
    (settings,) = (component for component in pipeline if component["name"] == name)
    return int(settings.get(TRAIN_ON_EVERY, EncoderFeaturizer.get_default_config()[TRAIN_ON_EVERY]))


class Both(Contender):
    """What ships: the two together."""

    def __init__(self, name: str, ngrams: NGrams, encoder: EncoderAlone) -> None:
        self.name = name
        self._ngrams = ngrams
        self._encoder = encoder

    def fit(self, messages: Sequence[TrainingMessage]) -> None:
        """Do nothing: both parts are fitted already."""
        assert self._ngrams.labels == self._encoder.labels
        self.labels = self._ngrams.labels

    def ask(self, text: str, language: str) -> np.ndarray:
        probabilities = self._ngrams.ask(text, language)
        if probabilities.max() < SETTINGS[SURE_FROM]:
            probabilities = weigh_opinions(
                (self._encoder.ask(text, language), SETTINGS[DENSE_WEIGHT]),
                (probabilities, SETTINGS[NGRAM_WEIGHT]),
            )
        return probabilities


class StockDiet(Contender):
    """Rasa's own classifier over character n-grams, as `rasa init` sets it up."""

    def __init__(self, folder: Path, epochs: int) -> None:
        """Take where to train, and for how long."""
        self.name = f"stock DIET, {epochs} epochs"
        self._folder = folder
        self._epochs = epochs

    def fit(self, messages: Sequence[TrainingMessage]) -> None:
        examples: dict[str, list[str]] = defaultdict(list)
        for message in messages:
            # A slash would make a retrieval intent of it.
            examples[message.label.replace("/", "+")].append(f"- {message.text}")
        shutil.rmtree(self._folder, ignore_errors=True)
        files: dict[str, dict[str, Any]] = {
            "config.yml": {
                "recipe": "default.v1",
                "assistant_id": "stock",
                "language": "en",
                "pipeline": [
                    {"name": "WhitespaceTokenizer"},
                    {"name": "CountVectorsFeaturizer"},
                    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
                    {"name": "DIETClassifier", "epochs": self._epochs, "entity_recognition": False},
                ],
            },
            "data/nlu.yml": {
                "version": "3.1",
                "nlu": [
                    {"intent": label, "examples": "\n".join(lines) + "\n"}
                    for label, lines in sorted(examples.items())
                ],
            },
        }
        for name, content in files.items():
            file = self._folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yaml.safe_dump(content, allow_unicode=True, width=10_000), encoding="utf-8")
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "rasa", "train", "nlu", "--fixed-model-name", "diet"],
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        from rasa.core.agent import Agent

        self._processor = Agent.load(str(self._folder / "models" / "diet.tar.gz")).processor
        self.labels = tuple(sorted(label.replace("+", "/") for label in examples))

    def ask(self, text: str, language: str) -> np.ndarray:
        from rasa.core.channels.channel import UserMessage
        from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER

        assert self._processor is not None
        target = self._processor.model_metadata.nlu_target
        inputs = {PLACEHOLDER_MESSAGE: [UserMessage(text)], PLACEHOLDER_TRACKER: None}
        (message,) = self._processor.graph_runner.run(inputs, [target])[target]
        found = {
            entry["name"].replace("+", "/"): entry["confidence"]
            for entry in message.get("intent_ranking") or ()
        }
        return np.array([found.get(label, 0.0) for label in self.labels])
