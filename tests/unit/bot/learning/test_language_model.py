"""Character models of languages."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bot.learning.language_model import LanguageModel, Vocabulary, train_language_model

TEXTS = [
    ("en", "where is my parcel"),
    ("en", "when will the parcel come"),
    ("it", "dove sta il mio pacco"),
    ("it", "quando arriva il pacco"),
    ("he", "איפה החבילה שלי"),
]
LANGUAGES = ["en", "he", "it"]


@pytest.fixture(scope="module")
def trained() -> tuple[LanguageModel, Vocabulary]:
    return train_language_model([(language, text.split()) for language, text in TEXTS], LANGUAGES, order=4)


@pytest.fixture(scope="module")
def model(trained: tuple[LanguageModel, Vocabulary]) -> LanguageModel:
    return trained[0]


@pytest.mark.parametrize(
    ("text", "language"), [("the parcel", "en"), ("il pacco", "it"), ("החבילה", "he"), ("arrivare", "it")]
)
def test_text_is_likeliest_in_its_language(model: LanguageModel, text: str, language: str) -> None:
    scores, length, _ = model.score(text.split())
    assert LANGUAGES[int(scores.argmax())] == language
    assert length == len(text) + 1


def test_what_short_messages_say_counts_more_than_the_same_within_long_ones() -> None:
    """Who writes "prima" and no more is Dutch here, though Italians use the word three times as often."""
    texts = [("it", f"{word} prima il pacco era a casa della vicina") for word in ("la", "una", "come")]
    texts += [("nl", "prima"), *[("nl", "waar blijft het pakket van gisteren dan toch nu")] * 3]
    model, _ = train_language_model([(tag, text.split()) for tag, text in texts], ["it", "nl"], order=3)
    alone, _, _ = model.score(["prima"])
    assert alone.argmax() == 1
    within, _, _ = model.score(["la", "prima", "casa"])
    assert within.argmax() == 0


def test_a_word_known_from_general_texts_alone_is_told_by_them() -> None:
    """No customer here has written "gatto"; its letters could be of either language."""
    texts = [(language, text.split()) for language, text in TEXTS]
    general = [{"cat": 0.01, "the": 0.1}, {}, {"gatto": 0.01, "il": 0.1}]
    model, vocabulary = train_language_model(texts, LANGUAGES, order=4, general=general)
    scores, _, strange = model.score(["gatto"])
    assert LANGUAGES[int(scores.argmax())] == "it"
    assert strange == 0
    assert {"cat", "gatto"} <= set(vocabulary.words)
    # One in a hundred words of general texts, which count for a fifth of a word that is written, not made up.
    assert scores.max() > math.log(0.01 * 0.2 * 0.5) - 0.01


def test_a_language_without_general_words_loses_nothing() -> None:
    texts = [(language, text.split()) for language, text in TEXTS]
    without, _ = train_language_model(texts, LANGUAGES, order=4)
    beside, _ = train_language_model(texts, LANGUAGES, order=4, general=[{"cat": 0.01}, {}, {}])
    before, after = without.score(["החבילה"])[0], beside.score(["החבילה"])[0]
    assert after[1] == before[1]


def test_probabilities_of_what_may_follow_add_up_to_no_more_than_one(
    trained: tuple[LanguageModel, Vocabulary],
) -> None:
    model, vocabulary = trained
    for context in ("", "p", "pa", " pa"):
        rows = [row for row, ngram in enumerate(vocabulary.ngrams) if ngram[:-1] == context]
        assert rows
        assert np.all(np.exp(model.letters.rows[rows].astype(np.float32)).sum(axis=0) <= 1.01)


def test_letters_never_seen_cost_the_same_in_every_language(model: LanguageModel) -> None:
    scores, length, strange = model.score(["жжж"])
    # The word's end is known everywhere; the letters are not.
    assert np.ptp(scores) < 3
    assert scores.max() < -3 * math.log(1000)
    assert (length, strange) == (4, 1)


def test_saved_model_scores_the_same(trained: tuple[LanguageModel, Vocabulary], tmp_path: Path) -> None:
    model, vocabulary = trained
    model.save(tmp_path, vocabulary)
    loaded = LanguageModel.load(tmp_path)
    assert loaded.languages == ("en", "he", "it")
    for _, text in TEXTS:
        assert np.array_equal(loaded.score(text.split())[0], model.score(text.split())[0])
        assert np.array_equal(loaded.score_as_message(text.split()), model.score_as_message(text.split()))


def test_a_word_that_its_speakers_use_counts_more_than_its_letters() -> None:
    texts = [
        *TEXTS,
        *[("it", "sono")] * 9,
        *[("en", word) for word in ["son", "on", "so", "no", "noon", "soon"]],
    ]
    model, _ = train_language_model(
        [(language, text.split()) for language, text in texts], LANGUAGES, order=4
    )
    scores, _, strange = model.score(["sono"])
    assert LANGUAGES[int(scores.argmax())] == "it"
    assert strange == 0
    # The word alone is nine in nineteen of what Italians wrote.
    assert scores.max() > math.log(0.2)


def test_words_that_stand_together_are_told_by_their_neighbours() -> None:
    """The Dutch say "prima" and "zo" more often; only Italians begin with one and end with the other."""
    texts = [("it", "prima zo")] * 3 + [("it", "dove sta il mio pacco di ieri")] * 20
    texts += [("nl", "dat zo vind ik prima")] * 12
    model, _ = train_language_model([(tag, text.split()) for tag, text in texts], ["it", "nl"], order=3)
    assert model.score(["prima", "zo"])[0].argmax() == 1
    assert model.score_as_message(["prima", "zo"]).argmax() == 0


def test_what_may_follow_a_word_adds_up_to_one(trained: tuple[LanguageModel, Vocabulary]) -> None:
    texts = [(language, text.split()) for language, text in TEXTS * 3]
    model, vocabulary = train_language_model(texts, LANGUAGES, order=4)
    rows = dict(zip(vocabulary.pairs, model.pairs.rows.astype(np.float32), strict=True))
    for before in ("<", "il", "parcel"):
        following = sum(row for pair, row in rows.items() if pair.startswith(f"{before} "))
        # Where nobody has written the word, the next one's own share is all there is.
        assert rows[before] + following == pytest.approx(np.ones(3), abs=1e-3)


def test_a_message_of_words_that_nobody_knows_has_a_likelihood(model: LanguageModel) -> None:
    scores = model.score_as_message(["жжж", "qqq"])
    assert np.all(np.isfinite(scores))
