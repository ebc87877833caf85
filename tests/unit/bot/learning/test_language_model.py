"""Character models of languages."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bot.learning.language_model import LanguageModel, train_language_model

TEXTS = [
    ("en", "where is my parcel"),
    ("en", "when will the parcel come"),
    ("it", "dove sta il mio pacco"),
    ("it", "quando arriva il pacco"),
    ("he", "איפה החבילה שלי"),
]
LANGUAGES = ["en", "he", "it"]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return train_language_model([(language, text.split()) for language, text in TEXTS], LANGUAGES, order=4)


@pytest.mark.parametrize(
    ("text", "language"), [("the parcel", "en"), ("il pacco", "it"), ("החבילה", "he"), ("arrivare", "it")]
)
def test_text_is_likeliest_in_its_language(model: LanguageModel, text: str, language: str) -> None:
    scores, length = model.score(text.split())
    assert LANGUAGES[int(scores.argmax())] == language
    assert length == len(text) + 1


def test_probabilities_of_what_may_follow_add_up_to_no_more_than_one(model: LanguageModel) -> None:
    for context in ("", "p", "pa", "il "):
        rows = [row for ngram, row in model.index.items() if ngram[:-1] == context]
        assert np.all(np.exp(model.rows[rows]).sum(axis=0) <= 1.01)


def test_letters_never_seen_cost_the_same_in_every_language(model: LanguageModel) -> None:
    scores, length = model.score(["жжж"])
    # The word's end is known everywhere; the letters are not.
    assert np.ptp(scores) < 3
    assert scores.max() < -3 * math.log(1000)
    assert length == 4


def test_saved_model_scores_the_same(model: LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = LanguageModel.load(tmp_path)
    assert loaded.languages == ("en", "he", "it")
    for _, text in TEXTS:
        assert np.array_equal(loaded.score(text.split())[0], model.score(text.split())[0])
