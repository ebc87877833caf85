"""What a pressed or typed button stands for."""

from __future__ import annotations

import pytest

from bot.buttons import Pressed, find_typed_button, parse_payload, render_payload

BUTTONS = [
    {"title": "Tempi di consegna", "payload": "label:faq/shipping_time"},
    {"title": "Parlare con qualcuno", "payload": "label:request_human"},
]


@pytest.mark.parametrize("kind", ["label", "language", "order"])
def test_payload_survives_being_sent_and_pressed(kind: str) -> None:
    assert parse_payload(render_payload(kind, "x-1")) == Pressed(kind, "x-1")


@pytest.mark.parametrize(
    "payload", [None, "", "/greet", "/label{}", "slot:x", "label:", "label:../x", "label:a\n"]
)
def test_what_is_no_payload_of_ours_is_nothing_pressed(payload: str | None) -> None:
    assert parse_payload(payload) is None


@pytest.mark.parametrize(
    "typed", ["Parlare con qualcuno", "parlare con qualcuno!", "2", "2.", "(2)", "２", "2️⃣"]
)
def test_title_or_number_of_a_button_may_be_typed(typed: str) -> None:
    assert find_typed_button(typed, BUTTONS) == "label:request_human"


@pytest.mark.parametrize("typed", ["0", "3", "48213", "qualcuno", "", "?!"])
def test_other_text_is_no_button(typed: str) -> None:
    assert find_typed_button(typed, BUTTONS) is None


def test_number_without_buttons_is_only_a_number() -> None:
    assert find_typed_button("1", []) is None
