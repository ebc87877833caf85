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
def trained() -> tuple[LanguageModel, list[str]]:
    return train_language_model([(language, text.split()) for language, text in TEXTS], LANGUAGES, order=4)


@pytest.fixture(scope="module")
def model(trained: tuple[LanguageModel, list[str]]) -> LanguageModel:
    return trained[0]


@pytest.mark.parametrize(
    ("text", "language"), [("the parcel", "en"), ("il pacco", "it"), ("החבילה", "he"), ("arrivare", "it")]
)
def test_text_is_likeliest_in_its_language(model: LanguageModel, text: str, language: str) -> None:
    scores, length = model.score(text.split())
    assert LANGUAGES[int(scores.argmax())] == language
    assert length == len(text) + 1


def test_probabilities_of_what_may_follow_add_up_to_no_more_than_one(
    trained: tuple[LanguageModel, list[str]],
) -> None:
    model, ngrams = trained
    for context in ("", "p", "pa", "il "):
        rows = [row for row, ngram in enumerate(ngrams) if ngram[:-1] == context]
        assert rows
        assert np.all(np.exp(model.rows[rows].astype(np.float32)).sum(axis=0) <= 1.01)


def test_letters_never_seen_cost_the_same_in_every_language(model: LanguageModel) -> None:
    scores, length = model.score(["жжж"])
    # The word's end is known everywhere; the letters are not.
    assert np.ptp(scores) < 3
    assert scores.max() < -3 * math.log(1000)
    assert length == 4


def test_saved_model_scores_the_same(trained: tuple[LanguageModel, list[str]], tmp_path: Path) -> None:
    model, ngrams = trained
    model.save(tmp_path, ngrams)
    loaded = LanguageModel.load(tmp_path)
    assert loaded.languages == ("en", "he", "it")
    for _, text in TEXTS:
        assert np.array_equal(loaded.score(text.split())[0], model.score(text.split())[0])
