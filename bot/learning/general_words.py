"""How often words occur in what people write on anything: wordfreq's lists, which come inside its package.

Needed when training only. A language that wordfreq does not know has no such words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot.learning.text import normalise
from locales.languages import get_language

# Words rarer than this share of all are left out: with 0.5 in a million there were twice as many, and one
# general word in five hundred was told better.
_LEAST_SHARE = 2e-6


def read_general_words(languages: Sequence[str]) -> list[dict[str, float]]:
    """Return each language's words in normal form, and the share that each is of all its words.

    Args:
        languages: ISO 639-1 codes. Of those in the Latin script alone words are read: others' letters tell
            them, or they are written without spaces.
    """
    from wordfreq import available_languages, get_frequency_dict

    lists = available_languages("best")
    found = []
    for language in languages:
        shares: dict[str, float] = defaultdict(float)
        if language in lists and get_language(language).script == "Latn":
            for word, share in get_frequency_dict(language, "best").items():
                if share >= _LEAST_SHARE:
                    shares[normalise(word)] += share
        found.append(dict(shares))
    return found
