"""Texts come from catalogues, with their values, and a missing one is an error."""

from __future__ import annotations

import pytest

from locales import catalogue
from locales.languages import list_languages


def test_placeholders_are_filled() -> None:
    assert "Anna" in catalogue.text("service", "notice.agent_joined", "it", agent="Anna")


def test_values_are_not_placeholders_themselves() -> None:
    assert "{shop}" in catalogue.text("service", "notice.agent_joined", "en", agent="{shop}")


def test_missing_key_and_missing_value_are_errors() -> None:
    with pytest.raises(catalogue.MissingTextError, match="no_such_key"):
        catalogue.text("service", "no_such_key", "en")
    with pytest.raises(KeyError):
        catalogue.text("service", "notice.agent_joined", "en", other="x")


@pytest.mark.parametrize("domain", catalogue.DOMAINS)
def test_every_language_has_every_word(domain: str) -> None:
    english = catalogue.words(domain, "en").keys()
    for language in list_languages():
        assert catalogue.words(domain, language.tag).keys() == english
