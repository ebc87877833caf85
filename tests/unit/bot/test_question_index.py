"""Finding articles by their questions, and keeping the questions' vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.question_index import QuestionIndex, VectorCache
from locales.articles import ONLY, Article


class Embedding:
    """Counts letters: texts with the same letters lie in one place."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = np.array(
            [[text.lower().count(letter) for letter in "abcdefghij"] for text in texts], dtype=float
        )
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def article(topic: str, language: str, title: str, *questions: str) -> Article:
    return Article(topic, language, title, questions, None, {ONLY: "…"})


ARTICLES = [
    article("faq/a", "en", "aaa", "aab"),
    article("faq/b", "en", "bbb", "bbc"),
    article("faq/b", "it", "jjj"),
]


def topics(index: QuestionIndex, text: str, language: str) -> list[str]:
    vector = Embedding()([text])[0].astype(np.float32)
    return [topic for topic, _ in index.search(text, vector, language, 5)]


def test_the_closest_question_names_the_topic() -> None:
    index = QuestionIndex(ARTICLES, VectorCache(None, Embedding()))
    found = index.search("aab", Embedding()(["aab"])[0].astype(np.float32), "en", 5)
    assert [topic for topic, _ in found] == ["faq/a", "faq/b"]
    # The same in both: what it says, and how it is spelled.
    assert found[0][1] == pytest.approx(2.0, abs=1e-3)
    assert found[1][1] < 1


def test_spelling_tells_apart_what_the_encoder_does_not() -> None:
    same = [article("faq/a", "en", "abcd"), article("faq/b", "en", "dcba"), article("faq/c", "en", "ghij")]
    index = QuestionIndex(same, VectorCache(None, Embedding()))
    assert topics(index, "dcb", "en")[0] == "faq/b"
    assert topics(index, "ábc", "en")[0] == "faq/a"
    assert len(topics(index, "", "en")) == 3


def test_a_language_without_the_article_is_asked_in_the_others() -> None:
    index = QuestionIndex(ARTICLES, VectorCache(None, Embedding()))
    assert topics(index, "aab", "it")[0] == "faq/a"
    # Its own article of faq/b has other letters than the English one.
    assert topics(index, "jjj", "it")[0] == "faq/b"
    assert index.search("a", np.ones(10, dtype=np.float32), "xx", 5) == []


def test_questions_in_traditional_chinese_are_found_by_messages_in_simplified() -> None:
    written = [article("faq/a", "zh", "關稅", "關稅誰出"), article("faq/b", "zh", "發票", "怎麼開發票")]
    embedding = Embedding()
    index = QuestionIndex(written, VectorCache(None, embedding))
    assert topics(index, "怎么开发票", "zh")[0] == "faq/b"
    assert "关税谁出" in embedding.asked


def test_vectors_are_kept_in_a_file_and_only_new_texts_are_encoded(tmp_path: Path) -> None:
    file = tmp_path / "vectors" / "one.npz"
    QuestionIndex(ARTICLES, VectorCache(file, Embedding()))
    again = Embedding()
    index = QuestionIndex([*ARTICLES, article("faq/c", "en", "ccc")], VectorCache(file, again))
    assert again.asked == ["ccc"]
    assert topics(index, "ccc", "en")[0] == "faq/c"
    fewer = Embedding()
    QuestionIndex(ARTICLES[:1], VectorCache(file, fewer))
    assert fewer.asked == []
    gone = Embedding()
    QuestionIndex(ARTICLES, VectorCache(file, gone))
    assert set(gone.asked) == {"bbb", "bbc", "jjj"}
    assert [path.name for path in file.parent.iterdir()] == ["one.npz"]


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "one.npz"
    file.write_bytes(b"no archive")
    embedding = Embedding()
    QuestionIndex(ARTICLES, VectorCache(file, embedding))
    assert len(embedding.asked) == 5
    assert VectorCache(file, Embedding()).vectors_of(["aaa"])["aaa"].shape == (10,)


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    index = QuestionIndex(ARTICLES, VectorCache(blocked / "one.npz", Embedding()))
    assert topics(index, "bbb", "en")[0] == "faq/b"


def test_it_tells_its_topics() -> None:
    assert QuestionIndex(ARTICLES, VectorCache(None, Embedding())).topics == {"faq/a", "faq/b"}
    assert QuestionIndex([], VectorCache(None, Embedding())).topics == frozenset()
