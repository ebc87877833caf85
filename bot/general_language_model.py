"""py3langid's naive Bayes model of general text in a hundred languages, beside our own of the shop's.

The shop's customers write about parcels; this one knows the rest of each language, and the languages that the
shop does not speak. The model comes inside the package (BSD-3-Clause) and takes 0.05 ms a message.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from locales.languages import get_language

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier


class GeneralLanguageModel:
    """How well words fit each of the shop's languages, and any other."""

    def __init__(self, languages: Sequence[str]) -> None:
        """Load the model.

        Args:
            languages: The shop's, as ISO 639-1 codes, in the order of the answers' columns.
        """
        from py3langid.langid import MODEL_FILE, RAW_FLOOR, LanguageIdentifier

        self._model: LanguageIdentifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        known = list(self._model.nb_classes)
        self._rows = [row for row, tag in enumerate(languages) if tag in known]
        self._columns = [known.index(languages[row]) for row in self._rows]
        self._others = [column for column, tag in enumerate(known) if tag not in languages]
        self._nothing = RAW_FLOOR
        self._size = len(languages)
        self._writes_latin = np.array([get_language(tag).script == "Latn" for tag in languages])

    def score(self, words: Sequence[str], *, is_latin: bool) -> tuple[np.ndarray, float]:
        """Return the words' log likelihood in each language, the best being 0, and how foreign they are.

        A language that the model does not know gets the average of those it does: it must not lose for that.
        So does one of another script when the words are in Latin letters (`is_latin`): the model has never
        seen romanised Hebrew or Japanese. Foreignness is how much better the best of all other languages fits
        than the best of the shop's, by the root of the bytes (py3langid's own measure, comparable between
        lengths); 0 means no difference.
        """
        if not self._rows:
            return np.zeros(self._size), 0.0
        text = " ".join(words).encode()
        scores = self._model._raw_score(text)
        own = scores[self._columns]
        best = own.max()
        if best <= self._nothing:
            # Not one of its byte sequences: it has no opinion.
            return np.zeros(self._size), 0.0
        foreignness = float(scores[self._others].max() - best) / math.sqrt(len(text) or 1)
        everybody = np.full(self._size, own.mean() - best, dtype=np.float64)
        everybody[self._rows] = own - best
        if is_latin and self._writes_latin.any():
            everybody[~self._writes_latin] = everybody[self._writes_latin].mean()
        return everybody, foreignness
