"""Order numbers and e-mail addresses, and what only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.details import find_details, normalise_order_number


def values(text: str, expecting: str | None = None) -> list[tuple[str, str]]:
    return [(detail.entity, detail.value) for detail in find_details(text, expecting)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("48213", "48213"),
        ("dov'è il mio ordine #48213?", "48213"),
        ("ord. 2291", "2291"),
        ("no 77-1203", "77-1203"),
        ("n° 65530 grazie", "65530"),
        ("TM-48213", "TM-48213"),
        ("tm-48213 please", "TM-48213"),
        ("here you are, TM 60182", "TM-60182"),
        ("My order ID is TM77120", "TM77120"),
        ("המספר בחשבונית הוא 33908", "33908"),
        ("đơn ４８２１３ ạ", "48213"),
        ("order TM–48213", "TM-48213"),
        ("48213です", "48213"),
        ("注文番号はTM-91158になります", "TM-91158"),
        ("#3390やったと思う", "3390"),
        ("订单号48213帮我查下", "48213"),
        ("رقم الطلب ٤٨٢١٣", "48213"),
    ],
)
def test_order_numbers_of_every_shape_are_found(text: str, number: str) -> None:
    assert values(text) == [("order_number", number)]


@pytest.mark.parametrize(
    "text",
    [
        "call me on 020 7946 0018",
        "+39 333 123 4567",
        "0528841777 זה הטלפון",
        "it was due on 12/11/2026",
        "since 2026-11-03",
        "in 2025 I ordered",
        "I paid €4999",
        "it cost 4999 euros",
        "giá 120000 đ",
        "12800円もした",
        "花了1299元买的",
        "دفعت 1299 ريال",
        "paguei 1299 reais",
        "2026年に買った",
        "2 pillows",
        "a 90x200 sheet",
        "iphone15 case",
        "between 9-17",
        "card 4929123412341234",
        "https://t.example/48213",
        "mario48213@libero.example.it",
    ],
)
def test_other_numbers_are_no_order_numbers(text: str) -> None:
    assert [value for value in values(text) if value[0] == "order_number"] == []


def test_short_number_counts_only_when_it_was_asked_for() -> None:
    assert values("482") == []
    assert values("482", "order_number") == [("order_number", "482")]
    assert values("482", "email") == []
    assert values("2 of them", "order_number") == []


def test_both_details_are_found_in_order() -> None:
    assert values("48213, Anna.B@Libero.it") == [("order_number", "48213"), ("email", "anna.b@libero.it")]


def test_address_stuck_to_other_letters_is_found() -> None:
    (detail,) = find_details("המייל שליmaya.c@gmail.com")
    assert detail.value == "maya.c@gmail.com"


@given(st.text(max_size=60))
def test_offsets_are_those_of_the_text_as_it_was_written(text: str) -> None:
    for detail in find_details(text + " #48213"):
        part = (text + " #48213")[detail.start : detail.end]
        assert part.strip() == part != ""


def test_number_is_stored_as_shops_write_it() -> None:
    assert normalise_order_number(" #tm 48213 ") == "TM-48213"
