"""The shop's markets and their facts, from data/shop.yml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from babel import localedata

from locales.formatting import format_value
from locales.languages import find_language, get_language, list_languages

SHOP_FILE = Path(__file__).parents[1] / "data" / "shop.yml"


class UnknownMarketError(LookupError):
    """The code names no market of `data/shop.yml`."""


@dataclass(frozen=True)
class Market:
    """One country the shop sells to.

    `facts` maps a fact's name to its typed value as written in data/shop.yml; `timezone` is an IANA name.
    """

    code: str
    locale: str
    currency: str
    timezone: str
    facts: dict[str, dict[str, Any]]

    def locale_for(self, language: str) -> str:
        """Return the CLDR locale for a language read in this market: en in IT is en_IT if CLDR has it."""
        combined = f"{get_language(language).tag}_{self.code}"
        # CLDR knows English in Italy, but not Italian in Vietnam.
        return combined if localedata.exists(combined) else get_language(language).locale

    def formatted(self, language: str) -> dict[str, str]:
        """Return every fact as text in the language, by name: what articles' placeholders name."""
        locale = self.locale_for(language)
        return {
            name: format_value(value, locale, self.currency, self.timezone)
            for name, value in self.facts.items()
        }


@lru_cache(maxsize=1)
def _shop() -> dict[str, Any]:
    shop: dict[str, Any] = yaml.safe_load(SHOP_FILE.read_text(encoding="utf-8"))
    return shop


@lru_cache(maxsize=1)
def _markets() -> dict[str, Market]:
    shop = _shop()
    common = {name: _spelt_out(value, list(shop["markets"])) for name, value in shop["facts"].items()}
    return {
        code: Market(
            code=code,
            locale=entry["locale"],
            currency=entry["currency"],
            timezone=entry["timezone"],
            facts={"currency_name": {"currency": entry["currency"]}, **common, **entry["facts"]},
        )
        for code, entry in shop["markets"].items()
    }


def _spelt_out(value: dict[str, Any], codes: list[str]) -> dict[str, Any]:
    """Return a value with the lists in it that data/shop.yml only names."""
    if value == {"countries": "markets"}:
        return {"countries": codes}
    if value == {"languages": "all"}:
        return {"languages": [language.tag for language in list_languages()]}
    return value


def list_markets() -> list[Market]:
    return list(_markets().values())


def find_market(code: str | None) -> Market | None:
    return _markets().get(code.upper()) if code else None


def get_market(code: str) -> Market:
    """Return the market for an ISO 3166 code.

    Raises:
        UnknownMarketError: The shop does not sell there.
    """
    market = find_market(code)
    if market is None:
        raise UnknownMarketError(f"{code!r} is none of {', '.join(_markets())} (data/shop.yml)")
    return market


def market_for(code: str | None, language: str | None) -> Market:
    """Return the market named, else the language's home market, else the shop's default."""
    named = find_market(code)
    if named:
        return named
    known = find_language(language)
    home = find_market(known.market) if known else None
    return home or get_market(default_market())


def default_language() -> str:
    return str(_shop()["default_language"])


def default_market() -> str:
    return str(_shop()["default_market"])
