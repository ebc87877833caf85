"""Character n-gram models of several languages at once: how likely is a text in each of them?

Interpolated Witten-Bell smoothing (Witten & Bell 1991). Every probability is worked out when training: a
lookup of the longest n-gram known in any language gives a row with its logarithm in each, so scoring is one
sum over rows.
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


@dataclass(frozen=True)
class LanguageModel:
    """`rows[number of an n-gram]` holds log P(last character | characters before it) for each of `languages`,
    in half precision.
    """

    languages: tuple[str, ...]
    order: int
    index: NgramIndex
    rows: np.ndarray

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
        longest = (numbers >= 0).argmax(axis=1)
        found = numbers[np.arange(length), longest]
        found = found[found >= 0]
        scores = self.rows[found].sum(axis=0, dtype=np.float32)
        return scores - (length - len(found)) * math.log(_ALPHABET_SIZE), length

    def save(self, folder: Path, ngrams: Iterable[str]) -> None:
        """Write the model, with the index's n-grams, which it doesn't keep."""
        np.savez_compressed(folder / "rows.npz", rows=self.rows)
        header = {"languages": self.languages, "order": self.order}
        (folder / "languages.json").write_text(json.dumps(header), encoding="utf-8")
        write_ngrams(folder, ngrams)

    @classmethod
    def load(cls, folder: Path) -> LanguageModel:
        """Raises OSError, ValueError or KeyError for files that `save` did not write."""
        header = json.loads((folder / "languages.json").read_text(encoding="utf-8"))
        with np.load(folder / "rows.npz", allow_pickle=False) as arrays:
            rows = arrays["rows"]
        return cls(
            languages=tuple(header["languages"]),
            order=header["order"],
            index=NgramIndex(read_ngrams(folder)),
            rows=rows,
        )


def train_language_model(
    texts: Iterable[tuple[str, Sequence[str]]], languages: Sequence[str], order: int
) -> tuple[LanguageModel, list[str]]:
    """Count (language, words) pairs and return the model and its n-grams.

    Args:
        texts: What was written in which language, as words.
        languages: Every language of the texts, in the order of the model's columns.
        order: Longest n-gram, in characters.
    """
    counts = [_count(()) for _ in languages]
    for language, words in texts:
        if words:
            _count_into(counts[languages.index(language)], f" {' '.join(words)} ", order)
    seen = sorted({context + char for table in counts for context, after in table.items() for char in after})
    rows = np.empty((len(seen), len(languages)), dtype=np.float16)
    for column, table in enumerate(counts):
        smoothed = _Smoothed(table)
        rows[:, column] = [math.log(smoothed.probability(ngram[:-1], ngram[-1])) for ngram in seen]
    return LanguageModel(tuple(languages), order, NgramIndex(seen), rows), seen


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
