"""Languages by tag and by name, as browsers and people write them."""

from __future__ import annotations

import pytest
from babel import Locale, localedata

from locales.languages import (
    UnknownLanguageError,
    display_name,
    find_language,
    find_language_by_name,
    get_language,
    own_names,
)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("it", "it"), ("it-CH", "it"), ("he_IL", "he"), ("iw", "he"), ("EN-us", "en"), (" nl ", "nl")],
)
def test_tags_as_browsers_write_them(tag: str, expected: str) -> None:
    language = find_language(tag)
    assert language is not None
    assert language.tag == expected


@pytest.mark.parametrize("tag", ["", None, "xx", "*", "-"])
def test_unknown_tags_are_none(tag: str | None) -> None:
    assert find_language(tag) is None


def test_get_names_what_there_is() -> None:
    with pytest.raises(UnknownLanguageError, match="en, he, vi, it, nl"):
        get_language("tlh")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inglese", "en"),
        ("Tiếng Anh", "en"),
        ("tieng viet", "vi"),
        ("אנגלית", "en"),
        ("Duits", "de"),
        ("עברית", "he"),
        ("ENGLISH", "en"),
        ("Deutsch", "de"),
        ("中文", "zh"),
        ("lingua", None),
    ],
)
def test_names_in_every_language(name: str, expected: str | None) -> None:
    assert find_language_by_name(name) == expected


def test_display_name_is_in_the_readers_language() -> None:
    assert display_name("he", "it") == "ebraico"


def test_what_languages_call_themselves_is_known_and_their_locales_forgotten() -> None:
    Locale.parse("sw").languages.get("sw")
    localedata._cache.pop("ka", None)
    own_names.cache_clear()
    names = own_names()
    assert (names["ka"], names["uk"], names["he"]) == ("ქართული", "українська", "עברית")
    # What somebody had read before stays.
    assert "sw" in localedata._cache
    assert "ka" not in localedata._cache
