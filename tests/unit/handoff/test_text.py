"""What customers type is made safe to keep and to show, and nothing readable is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.conversations.errors import EmptyMessageError, MessageTooLongError
from handoff.conversations.text import clean_text


@pytest.mark.parametrize(
    "text", ["ok", "שלום, איפה ההזמנה?", "Chào shop ơi 😊", "line\nline", "<b>bold</b>", "👨‍👩‍👧 family", "é"]
)
def test_ordinary_text_is_kept_as_it_is(text: str) -> None:
    assert clean_text(text, 4000) == text


def test_what_cannot_be_stored_goes() -> None:
    assert clean_text("a\x00b\ud800c\x1b[31m", 4000) == "ab\ufffdc[31m"


def test_floods_are_cut() -> None:
    assert clean_text("a" + "\u200b" * 3000 + "b", 4000) == "a\u200bb"
    assert len(clean_text("z" + "\u0301" * 3000, 4000)) == 5
    assert clean_text("a" + "\n" * 500 + "b", 4000) == "a\n\n\nb"


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b\u200b\u200b", "\x00"])
def test_nothing_readable_is_refused(text: str) -> None:
    with pytest.raises(EmptyMessageError):
        clean_text(text, 4000)


def test_too_long_is_refused_with_the_limit() -> None:
    with pytest.raises(MessageTooLongError) as caught:
        clean_text("x" * 4001, 4000)
    assert caught.value.values == {"max_characters": 4000}


@given(st.text(alphabet=st.characters(), max_size=300))
def test_result_can_always_be_stored_and_is_stable(text: str) -> None:
    try:
        cleaned = clean_text(text, 4000)
    except EmptyMessageError:
        return
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert clean_text(cleaned, 4000) == cleaned
