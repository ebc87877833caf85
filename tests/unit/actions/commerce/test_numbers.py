from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.commerce.numbers import TAMARIND_NUMBERS


@pytest.mark.parametrize(
    "text",
    [
        "TM-48213",
        "tm-48213",
        "TM48213",
        "tm 48213",
        "TM–48213",
        "TM‑48213",
        "#48213",
        "# 48213",
        "#TM-48213",
        "48213",
        " 48213. ",
        "(48213)",
        "４８２１３",
        "ＴＭ－４８２１３",
        "٤٨٢١٣",
        "TM - 48213",
    ],
)
def test_every_way_to_write_a_number_is_the_same_number(text):
    assert TAMARIND_NUMBERS.parse(text) == "TM-48213"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TM-",
        "482",
        "4821300",
        "77-1203",
        "48213 48214",
        "order",
        "3.5000",
        "+39 333 1234567",
        "AB-48213",
        "48 213",
        "TM-48213; DROP TABLE orders",
    ],
)
def test_what_is_no_number_of_this_shop_is_none(text):
    assert TAMARIND_NUMBERS.parse(text) is None


@given(st.integers(min_value=1000, max_value=999999))
def test_parsing_a_parsed_number_changes_nothing(number):
    parsed = TAMARIND_NUMBERS.parse(str(number))
    assert parsed == f"TM-{number}"
    assert TAMARIND_NUMBERS.parse(parsed) == parsed


@given(st.text(max_size=40))
def test_any_text_gives_a_number_or_none(text):
    parsed = TAMARIND_NUMBERS.parse(text)
    assert parsed is None or parsed.removeprefix("TM-").isdecimal()
