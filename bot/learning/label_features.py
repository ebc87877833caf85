"""What the label classifier sees: n-grams of characters, words and pieces, and a dense vector."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from bot.learning.text import mask_details
from locales.languages import fold

# N-grams of different kinds must not be taken for one another: "c:no" is not "w:no".
_CHARACTERS, _FOLDED, _WORDS, _PIECES = "c:", "f:", "w:", "p:"


@dataclass(frozen=True)
class Seen:
    """One message as the classifier sees it: how often it has each n-gram, and the encoder's vector.

    N-grams of one kind stand together.
    """

    ngrams: dict[str, int]
    dense: np.ndarray | None


def see(text: str, pieces: Sequence[str], dense: np.ndarray | None, longest: int) -> Seen:
    """Count n-grams.

    Args:
        text: As the customer wrote it.
        pieces: The tokeniser's pieces, or nothing.
        dense: The encoder's sentence vector, or None.
        longest: Characters of the longest character n-gram. They stay within words.
    """
    masked = mask_details(text)
    words = masked.split()
    counts: Counter[str] = Counter(_CHARACTERS + gram for gram in _within(words, 1, longest))
    # Once more without accents: many leave them out, Vietnamese customers all of them.
    counts.update(_FOLDED + gram for gram in _within(_fold(masked).split(), 2, longest))
    counts.update(_WORDS + gram for gram in _one_and_two(words))
    counts.update(_PIECES + gram for gram in _one_and_two(pieces))
    return Seen(dict(counts), dense)


def _fold(text: str) -> str:
    # Unicode does not decompose the Vietnamese d with stroke.
    return fold(text).replace("đ", "d")


def _within(words: Sequence[str], shortest: int, longest: int) -> Iterable[str]:
    for word in words:
        padded = f" {word} "
        for size in range(shortest, longest + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


def _one_and_two(parts: Sequence[str]) -> Iterable[str]:
    yield from parts
    bounded = ["<", *parts, ">"]
    for first, second in pairwise(bounded):
        yield f"{first} {second}"


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams that count, their columns, and their weights: inverse document frequencies."""

    columns: dict[str, int]
    weights: np.ndarray

    @classmethod
    def fit(cls, messages: Sequence[Seen], least: int) -> Vocabulary:
        """Take every n-gram that at least so many messages have."""
        frequency: Counter[str] = Counter()
        for message in messages:
            frequency.update(message.ngrams.keys())
        kept = sorted(ngram for ngram, count in frequency.items() if count >= least)
        weights = [math.log((1 + len(messages)) / (1 + frequency[ngram])) + 1 for ngram in kept]
        return cls({ngram: column for column, ngram in enumerate(kept)}, np.array(weights, dtype=np.float32))

    def vector(self, message: Seen) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of a message's n-grams and their values; each kind of n-gram has length one."""
        find = self.columns.get
        columns: list[int] = []
        counts: list[int] = []
        starts: list[int] = []
        kind = ""
        for ngram, count in message.ngrams.items():
            column = find(ngram)
            if column is None:
                continue
            if ngram[0] != kind:
                kind = ngram[0]
                starts.append(len(columns))
            columns.append(column)
            counts.append(count)
        found = np.array(columns, dtype=np.int64)
        values = (1 + np.log(np.array(counts, dtype=np.float32))) * self.weights[found]
        for start, end in zip(starts, [*starts[1:], len(columns)], strict=True):
            values[start:end] /= np.linalg.norm(values[start:end])
        return found, values

    def matrix(self, messages: Sequence[Seen]) -> sparse.csr_matrix:
        """Return the messages as rows, their n-grams as columns."""
        starts, columns, values = [0], [], []
        for message in messages:
            own_columns, own_values = self.vector(message)
            columns.append(own_columns)
            values.append(own_values)
            starts.append(starts[-1] + len(own_columns))
        return sparse.csr_matrix(
            (np.concatenate(values), np.concatenate(columns), starts),
            shape=(len(messages), len(self.columns)),
        )
