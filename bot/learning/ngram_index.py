"""Numbers n-grams without keeping them: half a million strings in a dictionary take ten times the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np


class NgramIndex:
    """Finds the number that an n-gram has in a list.

    It knows them by Python's hash of a string: 64 bits, so that two of half a million share one in a hundred
    million lists. The hash differs from one process to the next, so an index is made, never stored.
    """

    def __init__(self, ngrams: Iterable[str]) -> None:
        """Number the n-grams, all different, in their order."""
        hashes = np.fromiter(_hashes_of(ngrams), dtype=np.int64)
        self._numbers = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._numbers]

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, ngrams: Sequence[str]) -> np.ndarray:
        """Return the number of each n-gram, and -1 for those that are not in the list."""
        if not len(self._hashes):
            return np.full(len(ngrams), -1, dtype=np.int32)
        asked = np.fromiter(_hashes_of(ngrams), dtype=np.int64, count=len(ngrams))
        places = self._hashes.searchsorted(asked)
        places[places == len(self._hashes)] = 0
        return np.where(self._hashes[places] == asked, self._numbers[places], np.int32(-1))


def _hashes_of(ngrams: Iterable[str]) -> Iterator[int]:
    # Python hashes the bytes that a string is kept in, one or two a character: "慡" and "aa" would be alike.
    # After a space they don't.
    return map(hash, map(" ".__add__, ngrams))


def write_ngrams(path: Path, ngrams: Iterable[str]) -> None:
    """Write n-grams, a line each.

    Raises:
        ValueError: One of them holds a line break.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for ngram in ngrams:
            if "\n" in ngram:
                raise ValueError(f"{ngram!r} is no n-gram: it holds a line break")
            file.write(f"{ngram}\n")


def read_ngrams(path: Path) -> Iterator[str]:
    """Yield the n-grams of a file, one at a time, as all at once would fill the memory that they save.

    Raises OSError where there is no file, UnicodeDecodeError where it is damaged.
    """
    # Only "\n" ends a line: an n-gram may hold what Unicode calls a line separator.
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")
