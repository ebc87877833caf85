"""A linear model over n-grams: a weight a feature and label, then a softmax."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse

from bot.learning.label_features import NgramCounts, Vocabulary
from bot.learning.ngram_index import read_ngrams, write_ngrams

_NGRAMS_FILE = "ngrams.txt"
_LARGEST_WEIGHT = 127  # of eight bits
# More would be of use to machines with more processors, and take more memory.
_PARTS = 4
_REST = -1  # stands for all labels of the other parts


@dataclass(frozen=True)
class LinearModel:
    """`weights` is n-grams of the vocabulary × labels, in eight bits; `scales` says what 1 is worth for each
    n-gram. Hundreds of thousands of n-grams in twelve languages would fill the memory otherwise.
    """

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    weights: np.ndarray
    scales: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0

    def scores(self, message: NgramCounts) -> np.ndarray:
        """Return how much speaks for each label; the larger the likelier."""
        columns, values = self.vocabulary.vector(message)
        scaled = values * self.scales[columns]
        return np.asarray(self.bias + scaled @ self.weights[columns].astype(np.float32))

    def scores_of(self, matrix: sparse.csr_matrix) -> np.ndarray:
        """Return the scores of many messages (`Vocabulary.fit`), a row each, at once."""
        return np.asarray(matrix @ (self.weights * self.scales[:, None]) + self.bias)

    def probabilities(self, message: NgramCounts) -> np.ndarray:
        return softmax(self.scores(message) * self.temperature)

    def save(self, folder: Path, ngrams: Iterable[str]) -> None:
        """Write the model, with the vocabulary's n-grams, which it doesn't keep."""
        np.savez_compressed(
            folder / "weights.npz",
            weights=self.weights,
            scales=self.scales,
            bias=self.bias,
            ngram_weights=self.vocabulary.weights,
        )
        header = {"labels": self.labels, "temperature": self.temperature}
        (folder / "labels.json").write_text(json.dumps(header), encoding="utf-8")
        write_ngrams(folder / _NGRAMS_FILE, ngrams)

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Raises OSError, ValueError or KeyError for files that `save` did not write."""
        header = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            return cls(
                labels=tuple(header["labels"]),
                vocabulary=Vocabulary(read_ngrams(folder / _NGRAMS_FILE), arrays["ngram_weights"]),
                weights=arrays["weights"],
                scales=arrays["scales"],
                bias=arrays["bias"],
                temperature=header["temperature"],
            )


def fit_linear_model(
    vocabulary: Vocabulary,
    matrix: sparse.csr_matrix,
    labels: Sequence[str],
    *,
    softness: float,
    temperature: float = 1.0,
) -> LinearModel:
    """Train on messages and their labels.

    Args:
        vocabulary: The n-grams that count.
        matrix: The messages by `Vocabulary.fit`, a row each.
        labels: One for each message, two different ones at least.
        softness: The support vector machine's C: the larger, the closer it follows the messages.
        temperature: Factor on scores, from `fit_temperature`.
    """
    distinct = tuple(sorted(set(labels)))
    number = {label: column for column, label in enumerate(distinct)}
    weights, bias = _fit_machines(
        matrix, np.array([number[label] for label in labels]), len(distinct), softness
    )
    scales = np.maximum(np.abs(weights).max(axis=1), np.finfo(np.float32).tiny) / _LARGEST_WEIGHT
    return LinearModel(
        labels=distinct,
        vocabulary=vocabulary,
        weights=np.round(weights / scales[:, None]).astype(np.int8),
        scales=scales.astype(np.float32),
        bias=bias.astype(np.float32),
        temperature=temperature,
    )


def _fit_machines(
    matrix: sparse.csr_matrix, numbers: np.ndarray, count: int, softness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (n-grams × labels) and biases of a support vector machine for each label.

    Each tells its label from all others, so parts of the labels can be fitted at once; the rest are one label
    then. Each part has a process of its own: all threads of one share liblinear's random numbers, and who is
    first would decide what is learnt.
    """
    # As liblinear wants it: converted and sorted once, not by every process.
    matrix = matrix.astype(np.float64)
    matrix.sum_duplicates()
    # As many parts on every machine, so that the model is the same.
    parts = [part for part in np.array_split(np.arange(count), _PARTS) if len(part)]
    parts = parts if count > 2 else [np.arange(count)]
    tasks = [
        delayed(_fit_part)(matrix, np.where(np.isin(numbers, part), numbers, _REST), softness)
        for part in parts
    ]
    fitted = Parallel(n_jobs=min(os.cpu_count() or 1, len(parts)))(tasks)
    return np.vstack([weights for weights, _ in fitted]).T, np.hstack([bias for _, bias in fitted])


def _fit_part(
    matrix: sparse.csr_matrix, numbers: np.ndarray, softness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (labels × n-grams) and biases of the labels that are not `_REST`."""
    from sklearn.svm import LinearSVC

    # A finer tolerance changes no answer and takes a quarter longer at 0.1.
    machine = LinearSVC(C=softness, tol=0.4, random_state=0).fit(matrix, numbers)
    if len(machine.classes_) == 2:
        # scikit-learn gives one column for two labels.
        coefficients = np.vstack([-machine.coef_, machine.coef_])
        intercepts = np.hstack([-machine.intercept_, machine.intercept_])
    else:
        coefficients, intercepts = machine.coef_, machine.intercept_
    own = machine.classes_ != _REST
    return coefficients[own], intercepts[own]


def softmax(values: np.ndarray) -> np.ndarray:
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def fit_temperature(scores: np.ndarray, truths: np.ndarray, least: float, most: float) -> float:
    """Return the factor on scores (messages × labels) under which softmax makes the truths likeliest (Guo et
    al. 2017).

    Args:
        scores: Of messages that the model has not seen.
        truths: Column of each message's true label.
        least: Smallest factor to try.
        most: Largest factor to try.
    """
    factors = np.geomspace(least, most, 60)
    rows = np.arange(len(truths))
    losses = [-float(np.mean(np.log(softmax(scores * factor)[rows, truths] + 1e-12))) for factor in factors]
    return float(factors[int(np.argmin(losses))])


def weigh_opinions(*opinions: tuple[np.ndarray, float]) -> np.ndarray:
    """Return one probability a label from several models', each with an exponent: how far to trust it.

    That is a logarithmic opinion pool.
    """
    return softmax(
        np.sum([weight * np.log(probabilities + 1e-9) for probabilities, weight in opinions], axis=0)
    )
