"""Numbering n-grams by their hashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.learning.ngram_index import NgramIndex, read_ngrams, write_ngrams

NGRAMS = ["c:a", "c: b", "w:שלום", "p:▁tiếng", "w:a\u2028b", "w:a\x85b", "c:\r"]


def test_every_ngram_has_the_number_of_its_place() -> None:
    index = NgramIndex(NGRAMS)
    assert len(index) == len(NGRAMS)
    assert index.find(NGRAMS).tolist() == list(range(len(NGRAMS)))
    assert index.find(["w:a", NGRAMS[2], ""]).tolist() == [-1, 2, -1]
    assert index.find([]).tolist() == []


def test_strings_of_the_same_bytes_are_not_taken_for_one_another() -> None:
    alike = ["aa", "慡", "aaaa", "慡慡", "a", "a\x00", "😀", "\ud83d"]
    assert NgramIndex(alike).find(alike).tolist() == list(range(len(alike)))
    assert NgramIndex(["慡"]).find(["aa"]).tolist() == [-1]


def test_an_empty_index_finds_nothing() -> None:
    assert NgramIndex([]).find(["a"]).tolist() == [-1]


def test_ngrams_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_ngrams(tmp_path / "ngrams.txt", NGRAMS)
    assert list(read_ngrams(tmp_path / "ngrams.txt")) == NGRAMS


def test_an_ngram_with_a_line_break_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line break"):
        write_ngrams(tmp_path / "ngrams.txt", ["a\nb"])
