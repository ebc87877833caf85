"""What the label classifier sees: n-grams of characters, words, pieces and consonants."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

from bot.learning.consonants import consonants_of
from bot.learning.ngram_index import NgramIndex
from bot.learning.text import drop_accents, mask_details

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
    masked = mask_details(text)
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
    def fit(cls, messages: Sequence[NgramCounts], least: int) -> tuple[Vocabulary, list[str]]:
        """Take every n-gram that at least so many messages have; return the vocabulary and its n-grams."""
        frequency: Counter[str] = Counter()
        for message in messages:
            frequency.update(message.keys())
        kept = sorted(ngram for ngram, count in frequency.items() if count >= least)
        weights = [math.log((1 + len(messages)) / (1 + frequency[ngram])) + 1 for ngram in kept]
        return cls(kept, np.array(weights, dtype=np.float32)), kept

    def vector(self, message: NgramCounts) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of a message's n-grams and their values; each kind of n-gram has length one."""
        _, columns, values = self._look_up([message])
        return columns, values

    def matrix(self, messages: Sequence[NgramCounts]) -> sparse.csr_matrix:
        """Return the messages as rows, their n-grams as columns."""
        parts = []
        for start in range(0, len(messages), _ROWS_AT_ONCE):
            chosen = messages[start : start + _ROWS_AT_ONCE]
            rows, columns, values = self._look_up(chosen)
            ends = np.cumsum(np.bincount(rows, minlength=len(chosen)))
            parts.append(
                sparse.csr_matrix(
                    (values, columns, np.concatenate([[0], ends])), shape=(len(chosen), len(self.index))
                )
            )
        return sparse.vstack(parts, format="csr")

    def _look_up(self, messages: Sequence[NgramCounts]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the message's number, the column and the value of every n-gram that counts."""
        ngrams = [ngram for message in messages for ngram in message]
        columns = self.index.find(ngrams)
        known = columns >= 0
        counts = np.array([count for message in messages for count in message.values()], dtype=np.float32)
        # What kind an n-gram is stands in its first character.
        kinds = np.frombuffer("".join([ngram[0] for ngram in ngrams]).encode("ascii"), dtype=np.uint8)[known]
        rows = np.repeat(np.arange(len(messages)), [len(message) for message in messages])[known]
        columns = columns[known]
        values = (1 + np.log(counts[known])) * self.weights[columns]
        groups = rows * _KINDS + kinds
        lengths = np.sqrt(np.bincount(groups, values * values))
        return rows, columns, (values / lengths[groups]).astype(np.float32)
