"""langdetect, restricted to the languages that the shop answers in."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

# langdetect draws n-grams at random; the seed makes it answer the same every time.
_SEED = 0
# It is never so sure as it says: on short texts it draws the same few n-grams over and over.
_FLOOR = 0.02
# Drawing on does not make a short text longer (langdetect's own limit is 1000).
_DRAWS = 100


class SecondOpinion:
    """Language probabilities by langdetect (Shuyo 2010), whose profiles come from Wikipedia."""

    def __init__(self, languages: list[tuple[str, str]]) -> None:
        """Load the profiles.

        Args:
            languages: Tag, and code in langdetect, of each language; those without a profile stay undecided.
        """
        import langdetect
        from langdetect.detector_factory import DetectorFactory

        profiles = Path(langdetect.__file__).parent / "profiles"
        self._columns = {
            code: column for column, (_, code) in enumerate(languages) if (profiles / code).is_file()
        }
        self._size = len(languages)
        self._factory: DetectorFactory | None = None
        if len(self._columns) > 1:
            self._factory = DetectorFactory()
            self._factory.set_seed(_SEED)
            self._factory.load_json_profile(
                [(profiles / code).read_text(encoding="utf-8") for code in self._columns]
            )

    def log_probabilities(self, text: str) -> np.ndarray | None:
        """Return the logarithm of each language's probability, in order; None where it finds no letters."""
        from langdetect.lang_detect_exception import LangDetectException

        if self._factory is None:
            return None
        detector = self._factory.create()
        detector.ITERATION_LIMIT = _DRAWS
        detector.append(text.lower())
        try:
            found = {language.lang: language.prob for language in detector.get_probabilities()}
        except LangDetectException:
            return None
        # A language without a profile must not lose for it: it gets the average.
        opinion = np.full(self._size, math.log(1 / self._size))
        for code, column in self._columns.items():
            opinion[column] = math.log(max(found.get(code, 0.0), _FLOOR))
        return opinion
