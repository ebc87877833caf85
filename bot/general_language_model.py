"""py3langid's naive Bayes model of general text in a hundred languages, beside our own of the shop's.

The shop's customers write about parcels; this one knows the rest of each language, and the languages that the
shop does not speak. The model comes inside the package (BSD-3-Clause) and takes 0.05 ms a message.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier


class GeneralLanguageModel:
    """How well words fit each of the shop's languages, and any other."""

    def __init__(self, languages: Sequence[str]) -> None:
        """Load the model.

        Args:
            languages: The shop's, as ISO 639-1 codes, in the order of the answers' columns.
        """
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._model: LanguageIdentifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        known = list(self._model.nb_classes)
        self._columns = np.array([known.index(tag) if tag in known else -1 for tag in languages])
        own = set(languages)
        self._others = np.array([column for column, tag in enumerate(known) if tag not in own])

    def score(self, words: Sequence[str]) -> tuple[np.ndarray, float]:
        """Return the words' log likelihood in each language, the best being 0, and how foreign they are.

        A language that the model does not know gets the average of those it does: it must not lose for that.
        Foreignness is how much better the best of all other languages fits than the best of the shop's, by
        the root of the bytes (py3langid's own measure, comparable between lengths); 0 means no difference.
        """
        text = " ".join(words)
        scores = np.asarray(self._model._raw_score(self._model._encode(text)), dtype=np.float64)
        known = self._columns >= 0
        own = np.where(known, scores[self._columns], np.nan)
        if not known.any():
            return np.zeros(len(own)), 0.0
        best = float(np.nanmax(own))
        foreignness = (float(scores[self._others].max()) - best) / math.sqrt(len(text.encode()) or 1)
        return np.where(known, own, np.nanmean(own)) - best, foreignness
