"""What the label classifier sees: n-grams of characters, words, pieces and consonants."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

from bot.learning.consonants import consonants_of
from bot.learning.ngram_index import NgramIndex
from bot.learning.text import drop_accents, mask_details, simplify

# N-grams of different kinds must not be taken for one another: "c:no" is not "w:no". They differ in the first
# letter.
_CHARACTERS, _FOLDED, _WORDS, _PIECES, _CONSONANTS = "c:", "f:", "w:", "p:", "s:"


_KINDS = 128  # more than any of these letters' codes
# Messages whose n-grams are looked up together: all of a language would fill the memory.
_ROWS_AT_ONCE = 2048

# One message as the classifier sees it: how often it has each n-gram.
NgramCounts = dict[str, int]


def count_ngrams(text: str, pieces: Sequence[str], longest: int, script: str | None = None) -> NgramCounts:
    """Return how often a message has each n-gram.

    Args:
        text: As the customer wrote it.
        pieces: The tokeniser's pieces, or nothing.
        longest: Characters of the longest character n-gram. They stay within words.
        script: CLDR code of the script of the message's language, whatever this message is written in.
    """
    masked = mask_details(simplify(text, script))
    words = masked.split()
    consonants = list(consonants_of(text, script))
    # Once more without accents: many leave them out, Vietnamese customers all of them.
    counts = Counter(
        [
            *_within(words, 1, longest, _CHARACTERS),
            *_within(drop_accents(masked).split(), 2, longest, _FOLDED),
            *[_WORDS + gram for gram in _one_and_two(words)],
            *[_PIECES + gram for gram in _one_and_two(pieces)],
            *_within(consonants, 2, longest, _CONSONANTS),
            *[_CONSONANTS + gram for gram in (_one_and_two(consonants) if consonants else ())],
        ]
    )
    return dict(counts)


def _within(words: Sequence[str], shortest: int, longest: int, kind: str) -> list[str]:
    return [
        kind + padded[start : start + size]
        for padded in [f" {word} " for word in words]
        for size in range(shortest, longest + 1)
        for start in range(len(padded) - size + 1)
    ]


def _one_and_two(parts: Sequence[str]) -> Iterable[str]:
    yield from parts
    bounded = ["<", *parts, ">"]
    for first, second in pairwise(bounded):
        yield f"{first} {second}"


class Vocabulary:
    """The n-grams that count, by number, and their weights: inverse document frequencies."""

    def __init__(self, ngrams: Iterable[str], weights: np.ndarray) -> None:
        """Take as many different n-grams as weights."""
        self.index = NgramIndex(ngrams)
        self.weights = weights

    @classmethod
    def fit(
        cls, messages: Iterable[NgramCounts], least: int
    ) -> tuple[Vocabulary, list[str], sparse.csr_matrix]:
        """Take every n-gram that at least so many messages have.

        Returns:
            The vocabulary, its n-grams in their order, and the messages as rows of values, a column for each
            n-gram.
        """
        number: dict[str, int] = {}
        # Of a message only numbers are kept: all strings of all messages together would take gigabytes.
        numbers, counts, ends = array("i"), array("i"), array("q", [0])
        for message in messages:
            numbers.extend([number.setdefault(ngram, len(number)) for ngram in message])
            counts.extend(message.values())
            ends.append(len(numbers))
        columns, size = np.frombuffer(numbers, dtype=np.intc), len(ends) - 1
        frequency = np.bincount(columns, minlength=len(number))
        kept = sorted(ngram for ngram, known in number.items() if frequency[known] >= least)
        of_kept = np.array([number[ngram] for ngram in kept], dtype=np.int64)
        del number
        weights = [math.log((1 + size) / (1 + had)) + 1 for had in frequency[of_kept].tolist()]
        vocabulary = cls(kept, np.array(weights, dtype=np.float32))
        column_of = np.full(len(frequency), -1, dtype=np.int32)
        column_of[of_kept] = np.arange(len(kept), dtype=np.int32)
        kinds = np.array([ord(ngram[0]) for ngram in kept], dtype=np.uint8)
        parts = []
        for start in range(0, size, _ROWS_AT_ONCE):
            bounds = np.array(ends[start : start + _ROWS_AT_ONCE + 1])
            chosen = slice(bounds[0], bounds[-1])
            had = np.array(counts[chosen], dtype=np.float32)
            parts.append(vocabulary._rows(column_of[columns[chosen]], had, bounds - bounds[0], kinds))
        return vocabulary, kept, sparse.vstack(parts, format="csr")

    def _rows(
        self, columns: np.ndarray, counts: np.ndarray, bounds: np.ndarray, kinds: np.ndarray
    ) -> sparse.csr_matrix:
        """Return some messages as rows: the columns of their n-grams (-1: does not count), how often each is
        there, where each message's begin and end, and the kind of every column.
        """
        size, known = len(bounds) - 1, columns >= 0
        rows, columns = np.repeat(np.arange(size), np.diff(bounds))[known], columns[known]
        values = self._values(rows, columns, counts[known], kinds[columns])
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))])
        return sparse.csr_matrix((values, columns, starts), shape=(size, len(self.index)))

    def vector(self, message: NgramCounts) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of a message's n-grams and their values; each kind of n-gram has length one."""
        ngrams = list(message)
        columns = self.index.find(ngrams)
        known = columns >= 0
        counts = np.array(list(message.values()), dtype=np.float32)[known]
        # What kind an n-gram is stands in its first character.
        kinds = np.frombuffer("".join([ngram[0] for ngram in ngrams]).encode("ascii"), dtype=np.uint8)[known]
        columns = columns[known]
        return columns, self._values(np.zeros(len(columns), dtype=np.int64), columns, counts, kinds)

    def _values(
        self, rows: np.ndarray, columns: np.ndarray, counts: np.ndarray, kinds: np.ndarray
    ) -> np.ndarray:
        """Return the value of every n-gram of some messages: its row, its column, how often it is there, and
        its kind.
        """
        values = (1 + np.log(counts)) * self.weights[columns]
        groups = rows * _KINDS + kinds
        lengths = np.sqrt(np.bincount(groups, values * values))
        return (values / lengths[groups]).astype(np.float32)
