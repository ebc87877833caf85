"""What a browser says of its languages, and values of another direction in a sentence."""

from __future__ import annotations

import pytest

from handoff.rendering import isolate, list_accepted_languages


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("", []),
        ("it", ["it"]),
        ("en;q=0.5, he-IL, it;q=0.8", ["he-IL", "it", "en"]),
        ("de, fr", ["de", "fr"]),
        ("nl;q=0, vi", ["vi"]),
        ("en;q=much, it;q=0.1", ["it"]),
        (" , ;q=1", []),
    ],
)
def test_languages_come_in_the_order_of_liking(header: str, tags: list[str]) -> None:
    assert list_accepted_languages(header) == tags


def test_value_is_isolated_only_where_directions_meet() -> None:
    assert isolate("Anna", "ltr") == "Anna"
    assert isolate("Anna", "rtl") == "\u2068Anna\u2069"
    assert isolate("דנה", "ltr") == "\u2068דנה\u2069"
