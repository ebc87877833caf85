"""What a contender's answers are worth: right at first guess or among three, sure and right, calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.evaluation import OUT_OF_SCOPE, Example

BINS = 10


@dataclass(frozen=True)
class Answers:
    """Probabilities (messages × labels) that one contender gave, and milliseconds that each took."""

    labels: tuple[str, ...]
    probabilities: np.ndarray
    took_ms: list[float]


def hits(examples: Sequence[Example], answers: Answers, among: int) -> np.ndarray:
    """Return for each message whether an accepted label is among the likeliest."""
    order = np.argsort(-answers.probabilities, axis=1, kind="stable")[:, :among]
    return np.array(
        [
            any(answers.labels[column] in example.expected for column in row)
            for example, row in zip(examples, order, strict=True)
        ]
    )


def calibration_error(examples: Sequence[Example], answers: Answers) -> float:
    """Return the expected calibration error: by how much confidence and share right differ, in ten bins."""
    confidence = answers.probabilities.max(axis=1)
    right = hits(examples, answers, 1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return float(
        sum(
            abs(confidence[bins == number].mean() - right[bins == number].mean()) * np.mean(bins == number)
            for number in set(bins.tolist())
        )
    )


def answered_and_right(
    examples: Sequence[Example], answers: Answers, answer_from: float
) -> tuple[float, float]:
    """Return which share of messages about the shop is answered outright, and how much of it rightly."""
    sure = answers.probabilities.max(axis=1) >= answer_from
    about_shop = np.array([OUT_OF_SCOPE not in example.expected for example in examples])
    right = hits(examples, answers, 1)
    asked = sure & about_shop
    return float(asked.sum() / about_shop.sum()), float(right[asked].mean()) if asked.any() else 0.0
