"""Labels by the encoder's vector alone: multinomial logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.learning.linear_model import softmax

_FILE = "dense.npz"
_MOST_STEPS = 60
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class DenseModel:
    """`weights` is dimensions of the vector × labels; `centre` is taken from a vector first."""

    weights: np.ndarray
    bias: np.ndarray
    centre: np.ndarray

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Return the probability of each label for one vector, or for each row of many."""
        return softmax((vectors - self.centre) @ self.weights + self.bias)

    def save(self, folder: Path) -> None:
        np.savez(folder / _FILE, weights=self.weights, bias=self.bias, centre=self.centre)

    @classmethod
    def load(cls, folder: Path) -> DenseModel | None:
        """Return the model, or None where the pipeline has no encoder. Raises OSError or ValueError."""
        if not (folder / _FILE).exists():
            return None
        with np.load(folder / _FILE, allow_pickle=False) as arrays:
            return cls(arrays["weights"], arrays["bias"], arrays["centre"])


def fit_dense_model(
    vectors: np.ndarray, labels: Sequence[str], distinct: Sequence[str], softness: float
) -> DenseModel:
    """Train on vectors (messages × width) and their labels.

    Args:
        vectors: Of length one.
        labels: One for each vector.
        distinct: All labels, in the order of the probabilities.
        softness: Inverse strength of the pull towards small weights: the larger, the closer it follows the
            messages.
    """
    from sklearn.linear_model import LogisticRegression

    number = {label: column for column, label in enumerate(distinct)}
    # Vectors of different encoders lie in different corners; what they share tells nothing.
    centre = vectors.mean(axis=0)
    fitted = LogisticRegression(C=softness, max_iter=_MOST_STEPS, tol=_TOLERANCE).fit(
        vectors - centre, np.array([number[label] for label in labels])
    )
    weights, bias = fitted.coef_.T, fitted.intercept_
    if len(distinct) == 2:
        # scikit-learn gives one column for two labels.
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.hstack([[0.0], bias])
    return DenseModel(
        weights.astype(np.float32), np.asarray(bias, dtype=np.float32), centre.astype(np.float32)
    )
