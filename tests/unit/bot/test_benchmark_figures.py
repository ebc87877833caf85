"""What `make bench-understanding` counts."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.understanding.figures import Answers, answered_and_right, calibration_error, hits
from bot.evaluation import Example

EXAMPLES = [
    Example("a", "en", ("x",)),
    Example("b", "en", ("y", "z")),
    Example("c", "en", ("x",)),
    Example("d", "en", ("out_of_scope",)),
]
PROBABILITIES = np.array(
    [[0.9, 0.05, 0.03, 0.02], [0.1, 0.2, 0.7, 0.0], [0.1, 0.8, 0.1, 0.0], [0.2, 0.1, 0.1, 0.6]]
)
ANSWERS = Answers(("x", "y", "z", "out_of_scope"), PROBABILITIES, [1.0] * 4)


def test_any_accepted_label_counts_and_the_first_alone_or_among_three() -> None:
    assert hits(EXAMPLES, ANSWERS, 1).tolist() == [True, True, False, True]
    assert hits(EXAMPLES, ANSWERS, 3).tolist() == [True, True, True, True]


def test_answered_are_the_sure_ones_about_the_shop() -> None:
    assert answered_and_right(EXAMPLES, ANSWERS, 0.75) == (pytest.approx(2 / 3), pytest.approx(1 / 2))
    assert answered_and_right(EXAMPLES, ANSWERS, 0.99) == (0.0, 0.0)


def test_calibration_error_is_by_how_much_confidence_is_off() -> None:
    sure = Answers(("x", "y"), np.array([[1.0, 0.0], [1.0, 0.0]]), [1.0, 1.0])
    right = [Example("a", "en", ("x",)), Example("b", "en", ("x",))]
    assert calibration_error(right, sure) == pytest.approx(0.0)
    assert calibration_error([right[0], Example("b", "en", ("y",))], sure) == pytest.approx(0.5)
