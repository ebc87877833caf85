"""The linear model over n-grams, the one over the encoder's vectors, and both together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from bot.learning.dense_model import DenseModel, fit_dense_model
from bot.learning.label_features import NgramCounts, Vocabulary, count_ngrams
from bot.learning.linear_model import (
    LinearModel,
    _fit_machines,
    fit_linear_model,
    fit_temperature,
    softmax,
    weigh_opinions,
)

MESSAGES = [
    ("where is my parcel", "track_order"),
    ("track my parcel please", "track_order"),
    ("where's 48213", "track_order"),
    ("hello", "greet"),
    ("hi there", "greet"),
    ("hello good morning", "greet"),
    ("thanks", "thank"),
    ("thank you so much", "thank"),
]


def dense(text: str) -> np.ndarray:
    vector = np.array([len(text) / 30, text.count("e") / 5, text.count("h") / 5, 0.5], dtype=np.float32)
    return np.asarray(vector / np.linalg.norm(vector))


def fit(messages: list[NgramCounts], labels: list[str], **settings: float) -> tuple[LinearModel, list[str]]:
    vocabulary, ngrams, matrix = Vocabulary.fit(messages, least=1)
    given = {"softness": 0.5, **settings}
    return fit_linear_model(vocabulary, matrix, labels, **given), ngrams


@pytest.fixture(scope="module")
def seen() -> list[NgramCounts]:
    return [count_ngrams(text, text.split(), 4) for text, _ in MESSAGES]


LABELS = [label for _, label in MESSAGES]


def test_learns_what_it_was_shown(seen: list[NgramCounts]) -> None:
    model, _ = fit(seen, LABELS)
    assert [model.labels[int(model.scores(message).argmax())] for message in seen] == LABELS


def test_one_message_scores_as_in_a_matrix(seen: list[NgramCounts]) -> None:
    model, _ = fit(seen, LABELS)
    _, _, matrix = Vocabulary.fit(seen, least=1)
    for row, message in zip(model.scores_of(matrix), seen, strict=True):
        assert np.allclose(row, model.scores(message), atol=1e-5)


def test_many_messages_have_the_same_values_as_each_by_itself() -> None:
    # More than are put together at once, the last of them without an n-gram that counts.
    texts = [f"{text} {number % 7}" for number in range(700) for text in ("where is it", "hello", "été")]
    messages = [*(count_ngrams(text, text.split(), 4) for text in texts), {"c:ж": 2}]
    vocabulary, ngrams, matrix = Vocabulary.fit(iter(messages), least=2)
    assert matrix.shape == (2101, len(ngrams))
    assert "c:ж" not in ngrams
    for position in (0, 1, 2, 2047, 2048, 2099, 2100):
        columns, values = vocabulary.vector(messages[position])
        alone = np.zeros(len(ngrams), dtype=np.float32)
        alone[columns] = values
        assert np.array_equal(matrix[position].toarray()[0], alone)
    assert matrix[2100].nnz == 0


def test_saved_model_scores_the_same(seen: list[NgramCounts], tmp_path: Path) -> None:
    model, ngrams = fit(seen, LABELS, temperature=3.0)
    model.save(tmp_path, ngrams)
    loaded = LinearModel.load(tmp_path)
    assert loaded.labels == model.labels
    for message in seen:
        assert np.array_equal(loaded.probabilities(message), model.probabilities(message))


def test_probabilities_add_up_to_one_even_for_nothing() -> None:
    model, _ = fit([count_ngrams(text, [], 4) for text, _ in MESSAGES], LABELS)
    assert model.probabilities(count_ngrams("", [], 4)).sum() == pytest.approx(1)


def test_two_labels_are_enough() -> None:
    chosen = [(text, label) for text, label in MESSAGES if label != "thank"]
    model, _ = fit([count_ngrams(text, [], 4) for text, _ in chosen], [label for _, label in chosen])
    assert model.labels[int(model.scores(count_ngrams("hello", [], 4)).argmax())] == "greet"


def test_message_without_accents_shares_features_with_the_one_that_has_them() -> None:
    with_tones, without = count_ngrams("đổi trả", [], 4), count_ngrams("doi tra", [], 4)
    assert {gram for gram in without if gram.startswith("f:")} == {
        gram for gram in with_tones if gram.startswith("f:")
    }


def test_rare_ngrams_may_be_left_out() -> None:
    messages = [count_ngrams(text, [], 2) for text, _ in MESSAGES]
    for least, known in ((1, True), (2, False)):
        vocabulary, ngrams, _ = Vocabulary.fit(messages, least)
        assert ("w:track" in ngrams) is known
        assert (int(vocabulary.index.find(["w:track"])[0]) >= 0) is known


def test_weights_in_eight_bits_change_hardly_a_score(seen: list[NgramCounts]) -> None:
    model, _ = fit(seen, LABELS)
    assert model.weights.dtype == np.int8
    _, _, matrix = Vocabulary.fit(seen, least=1)
    numbers = np.array([model.labels.index(label) for label in LABELS])
    weights, bias = _fit_machines(matrix, numbers, len(model.labels), 0.5)
    exact = matrix @ weights + bias
    # The scores of a label and of another are about two apart.
    assert np.abs(model.scores_of(matrix) - exact).max() < 0.1


def test_the_same_messages_teach_the_same() -> None:
    # Labels at random keep the machines busy, and many of them keep all processes busy at once.
    random = np.random.default_rng(3)
    matrix = sparse.csr_matrix(random.random((300, 200)))
    numbers = random.integers(0, 12, 300)
    first, *others = [_fit_machines(matrix, numbers, 12, 0.5) for _ in range(3)]
    for weights, bias in others:
        assert np.array_equal(weights, first[0])
        assert np.array_equal(bias, first[1])


def test_temperature_makes_right_scores_surer_and_random_ones_less_sure() -> None:
    truths = np.array([0, 1] * 20)
    right = np.eye(2)[truths]
    assert fit_temperature(right, truths, least=0.1, most=10) == pytest.approx(10)
    wrong = np.eye(2)[1 - truths]
    assert fit_temperature(wrong, truths, least=0.1, most=10) == pytest.approx(0.1)


def test_softmax_survives_large_scores() -> None:
    assert np.allclose(softmax(np.array([1000.0, 0.0])), [1, 0])


@pytest.mark.parametrize("left_out", [(), ("thank",)])
def test_vectors_alone_tell_labels_apart_and_are_stored(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    chosen = [(text, label) for text, label in MESSAGES if label not in left_out]
    vectors, labels = np.stack([dense(text) for text, _ in chosen]), [label for _, label in chosen]
    distinct = sorted(set(labels))
    model = fit_dense_model(vectors, labels, distinct, softness=1000.0)
    found = model.probabilities(vectors)
    assert found.sum(axis=1) == pytest.approx(1)
    assert np.mean([distinct[row.argmax()] == label for row, label in zip(found, labels, strict=True)]) > 0.7
    model.save(tmp_path)
    loaded = DenseModel.load(tmp_path)
    assert loaded is not None
    assert np.allclose(loaded.probabilities(vectors[0]), found[0], atol=1e-6)
    assert DenseModel.load(tmp_path / "elsewhere") is None


def test_opinions_are_weighed_by_how_far_they_are_trusted() -> None:
    one, other = np.array([0.9, 0.1]), np.array([0.3, 0.7])
    assert weigh_opinions((one, 1.0), (other, 0.0)) == pytest.approx(one, abs=1e-6)
    assert weigh_opinions((one, 1.0), (other, 1.0))[0] == pytest.approx(0.27 / 0.34, abs=1e-6)
    # A label that one model holds impossible is not impossible.
    assert weigh_opinions((np.array([0.0, 1.0]), 1.0), (one, 1.0))[0] > 0
