"""Models of several languages at once: how likely is a text in each of them?

Character n-grams with interpolated Witten-Bell smoothing (Witten & Bell 1991), and whole words. Every
probability is worked out when training: a lookup of the longest n-gram known in any language gives a row with
its logarithm in each, so scoring is one sum over rows.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.learning.ngram_index import NgramIndex, read_ngrams, write_ngrams

# Share of a letter that no language has ever shown: Unicode has a few thousand letters in common use.
_ALPHABET_SIZE = 3000
# How likely a word is one that was seen, rather than one that letters make up: short messages hang on it.
_WORD_SHARE = 0.5
# Logarithm of the share of a word that a language's speakers have never used.
_NEVER = -60.0

_NGRAMS_FILE = "ngrams.txt"
_WORDS_FILE = "words.txt"


@dataclass(frozen=True)
class LanguageModel:
    """`rows[number of an n-gram]` holds log P(last character | characters before it) for each of `languages`,
    and `word_rows[number of a word]` log P(word), both in half precision.
    """

    languages: tuple[str, ...]
    order: int
    index: NgramIndex
    rows: np.ndarray
    words: NgramIndex
    word_rows: np.ndarray

    def score(self, words: Sequence[str]) -> tuple[np.ndarray, int]:
        """Return the words' natural log likelihood in each language, and the characters counted."""
        text = f" {' '.join(words)} "
        length = len(text) - 1
        # Of every character the n-grams that end with it, the longest first; "" is in no list.
        ngrams = [
            text[end - size : end] if size <= end else ""
            for end in range(2, length + 2)
            for size in range(self.order, 0, -1)
        ]
        numbers = self.index.find(ngrams).reshape(length, self.order)
        longest = numbers[np.arange(length), (numbers >= 0).argmax(axis=1)]
        by_character = self.rows[longest].astype(np.float32)
        by_character[longest < 0] = -math.log(_ALPHABET_SIZE)
        # A word ends with the space after it.
        starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
        by_word = np.add.reduceat(by_character, starts, axis=0)
        found = self.words.find(words)
        known = found >= 0
        whole = self.word_rows[found[known]].astype(np.float32)
        # Either a word that its speakers use, or one made of their letters.
        by_word[known] = np.logaddexp(
            by_word[known] + math.log(1 - _WORD_SHARE), whole + math.log(_WORD_SHARE)
        )
        return by_word.sum(axis=0), length

    def save(self, folder: Path, vocabulary: Vocabulary) -> None:
        """Write the model, with its n-grams and words, which it doesn't keep."""
        np.savez_compressed(folder / "rows.npz", rows=self.rows, word_rows=self.word_rows)
        header = {"languages": self.languages, "order": self.order}
        (folder / "languages.json").write_text(json.dumps(header), encoding="utf-8")
        write_ngrams(folder / _NGRAMS_FILE, vocabulary.ngrams)
        write_ngrams(folder / _WORDS_FILE, vocabulary.words)

    @classmethod
    def load(cls, folder: Path) -> LanguageModel:
        """Raises OSError, ValueError or KeyError for files that `save` did not write."""
        header = json.loads((folder / "languages.json").read_text(encoding="utf-8"))
        with np.load(folder / "rows.npz", allow_pickle=False) as arrays:
            return cls(
                languages=tuple(header["languages"]),
                order=header["order"],
                index=NgramIndex(read_ngrams(folder / _NGRAMS_FILE)),
                rows=arrays["rows"],
                words=NgramIndex(read_ngrams(folder / _WORDS_FILE)),
                word_rows=arrays["word_rows"],
            )


@dataclass(frozen=True)
class Vocabulary:
    """What the rows of a model stand for."""

    ngrams: list[str]
    words: list[str]


def train_language_model(
    texts: Iterable[tuple[str, Sequence[str]]], languages: Sequence[str], order: int
) -> tuple[LanguageModel, Vocabulary]:
    """Count (language, words) pairs and return the model and its vocabulary.

    Args:
        texts: What was written in which language, as words.
        languages: Every language of the texts, in the order of the model's columns.
        order: Longest n-gram, in characters.
    """
    counts = [_count(()) for _ in languages]
    words: list[Counter[str]] = [Counter() for _ in languages]
    for language, of_text in texts:
        if of_text:
            column = languages.index(language)
            _count_into(counts[column], f" {' '.join(of_text)} ", order)
            words[column].update(of_text)
    seen = sorted({context + char for table in counts for context, after in table.items() for char in after})
    rows = np.empty((len(seen), len(languages)), dtype=np.float16)
    for column, table in enumerate(counts):
        smoothed = _Smoothed(table)
        rows[:, column] = [math.log(smoothed.probability(ngram[:-1], ngram[-1])) for ngram in seen]
    known = sorted(set().union(*words))
    word_rows = np.full((len(known), len(languages)), _NEVER, dtype=np.float16)
    for column, of_language in enumerate(words):
        total = max(1, of_language.total())
        word_rows[:, column] = [
            math.log(of_language[word] / total) if word in of_language else _NEVER for word in known
        ]
    model = LanguageModel(tuple(languages), order, NgramIndex(seen), rows, NgramIndex(known), word_rows)
    return model, Vocabulary(seen, known)


_Table = dict[str, Counter]


def _count(_: tuple[()]) -> _Table:
    return defaultdict(Counter)


def _count_into(table: _Table, text: str, order: int) -> None:
    for end in range(1, len(text)):
        for start in range(max(0, end - order + 1), end + 1):
            table[text[start:end]][text[end]] += 1


class _Smoothed:
    def __init__(self, table: _Table) -> None:
        self._table = table
        self._totals = {context: (sum(after.values()), len(after)) for context, after in table.items()}
        self._known: dict[tuple[str, str], float] = {}

    def probability(self, context: str, char: str) -> float:
        key = (context, char)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._work_out(context, char)
        return known

    def _work_out(self, context: str, char: str) -> float:
        shorter = self.probability(context[1:], char) if context else 1 / _ALPHABET_SIZE
        totals = self._totals.get(context)
        if totals is None:
            return shorter
        count, distinct = totals
        return (self._table[context].get(char, 0) + distinct * shorter) / (count + distinct)
