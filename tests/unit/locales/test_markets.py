"""Markets: whose facts apply, and in which locale they are read."""

from __future__ import annotations

import pytest

from locales.languages import list_languages
from locales.markets import UnknownMarketError, get_market, list_markets, market_for


def test_named_market_goes_before_the_languages_own() -> None:
    assert market_for("NL", "it").code == "NL"
    assert market_for(None, "it").code == "IT"
    assert market_for("XX", "vi").code == "VN"
    assert market_for(None, None).code == "GB"


def test_unknown_market_is_named() -> None:
    with pytest.raises(UnknownMarketError, match="GB, IL, VN, IT, NL"):
        get_market("XX")


def test_locale_is_language_and_market_where_cldr_knows_the_pair() -> None:
    assert get_market("IL").locale_for("en") == "en_IL"
    assert get_market("VN").locale_for("it") == "it_IT"


def test_every_fact_of_every_market_can_be_read_in_every_language() -> None:
    for market in list_markets():
        for language in list_languages():
            formatted = market.formatted(language.tag)
            assert formatted.keys() == market.facts.keys()
            assert all(formatted.values())
