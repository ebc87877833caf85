"""What `make bench-understanding` counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.understanding.figures import Answers, answered_and_right, calibration_error, hits
from benchmarks.understanding.held_out import (
    encoder_without,
    hold_out_authors,
    hold_out_language,
    spoil_examples,
    take_first,
)
from bot.evaluation import Example
from bot.training_data import TrainingMessage

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


def message(text: str, label: str, language: str | None, author: str) -> TrainingMessage:
    return TrainingMessage(text, (), label, language, author)


MESSAGES = [
    message("ciao", "greet", "it", "it-1"),
    message("salve", "greet", "it", "it-10"),
    message("hi", "greet", "en", "en-2"),
    message("grüezi", "greet", None, "it-10"),
]


def test_the_last_author_is_held_out_and_asked() -> None:
    known, asked = hold_out_authors(MESSAGES)
    assert [one.text for one in known] == ["ciao", "hi"]
    assert asked == {"it": [Example("salve", "it", ("greet",))]}


def test_the_first_messages_of_each_label_and_language_may_do() -> None:
    assert [one.text for one in take_first(MESSAGES, 1)] == ["ciao", "hi", "grüezi"]
    assert take_first(MESSAGES, 2) == MESSAGES


def test_a_language_is_held_out() -> None:
    assert [one.text for one in hold_out_language(MESSAGES)] == ["hi", "grüezi"]


def test_every_message_is_spoilt_the_same_way_each_time() -> None:
    examples = [Example("where is my lovely parcel, please", "en", ("track_order",))] * 30
    spoilt = spoil_examples(examples)
    assert spoilt == spoil_examples(examples)
    assert all(one.text != examples[0].text and one.expected == ("track_order",) for one in spoilt)


def test_an_encoder_that_was_not_left_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="without-it"):
        encoder_without(tmp_path, "it")
