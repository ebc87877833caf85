"""Words of general texts, from wordfreq's lists."""

from __future__ import annotations

from bot.learning.general_words import read_general_words


def test_words_have_their_share_of_the_language() -> None:
    english, dutch = read_general_words(["en", "nl"])
    assert english["the"] > 100 * english["parcel"] > 0
    assert dutch["niet"] > dutch["pakket"] > 0
    assert 0.8 < sum(dutch.values()) <= 1


def test_words_are_in_normal_form() -> None:
    (german,) = read_general_words(["de"])
    assert all(word == word.lower() for word in german)


def test_only_words_that_can_tell_a_language_are_read() -> None:
    """Hebrew is told by its letters."""
    assert read_general_words(["he", "it"])[0] == {}
