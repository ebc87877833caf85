"""Names in data/shop.yml: carriers and ways to pay. Beside other words they are no sign of any language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bot.learning.text import evidence_words
from locales.markets import list_markets


def read_shop_names() -> dict[str, set[str]]:
    """Return each word of the shop's names, and the languages of the markets that know it."""
    names: dict[str, set[str]] = defaultdict(set)
    for market in list_markets():
        language = market.locale.partition("_")[0]
        for value in market.facts.values():
            for name in value.get("list", [value["text"]] if "text" in value else []):
                for word in evidence_words(name):
                    names[word].add(language)
    return dict(names)


def language_of_names(names: Mapping[str, set[str]], words: Iterable[str]) -> str | None:
    """Return the one language whose markets know the names among the words: "bizum" alone is Spanish."""
    known = [names[word] for word in words if word in names]
    speakers = set.intersection(*known) if known else set()
    return next(iter(speakers)) if len(speakers) == 1 else None
