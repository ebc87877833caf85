"""How text is seen by the models."""

from __future__ import annotations

import json

import pytest
from opencc import OpenCC

from bot.fingerprint import PROJECT_FOLDER
from bot.learning.text import (
    EMAIL_MARK,
    NUMBER_MARK,
    URL_MARK,
    alphabet_of,
    drop_accents,
    evidence_words,
    mask_details,
    normalise,
    simplify,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Dov'È", "dov'è"),
        ("Ｈｅｌｌｏ", "hello"),
        ("שָׁלוֹם", "שלום"),
        ("مَرْحَبًا", "مرحبا"),
        ("TIẾNG VIỆT", "tiếng việt"),
        ("tie\u0302\u0301ng", "tiếng"),
    ],
)
def test_normal_form_keeps_accents_and_loses_points(text: str, normal: str) -> None:
    assert normalise(text) == normal


def test_details_become_marks() -> None:
    masked = mask_details("TM-48213 and anna@libero.it, see https://x.example/48213?a=1 for 2 plates")
    assert masked.split() == [NUMBER_MARK, "and", EMAIL_MARK, ",", "see", URL_MARK, "for", "0", "plates"]


def test_two_orders_look_the_same() -> None:
    assert mask_details("where is 48213") == mask_details("where is #77-1203")


def test_stretched_letters_are_cut_to_two() -> None:
    assert mask_details("pleeeease!!!!") == "pleease!!"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dov'è il mio pacco?", ["dov'è", "il", "mio", "pacco"]),
        ("48213", []),
        ("anna.b@libero.it", []),
        ("www.tamarind.example 👍 :-)", []),
        ("ok, 'grazie'", ["grazie"]),
        ("PayPal oder iDEAL", ["oder"]),
        ("תודה רבה!", ["תודה", "רבה"]),
        ("TM-48213 2x 7h30 23.5 x2", []),
        ("TM 51377", []),
        ("è TM 51377 del 12", ["è", "del"]),
        ("棚16本と", ["棚", "本と"]),
        ("hiyaaaa, helloooo", ["hiya", "hello"]),
        ("a+ ciao", ["a+", "ciao"]),
        ("A+B und c++", ["a", "b", "und", "c"]),
    ],
)
def test_only_words_that_tell_a_language_are_evidence(text: str, words: list[str]) -> None:
    assert evidence_words(text, {"ok", "paypal", "ideal"}) == words


@pytest.mark.parametrize(
    ("char", "alphabet"),
    [
        ("a", "LATIN"),
        ("ế", "LATIN"),
        ("ש", "HEBREW"),
        ("ж", "CYRILLIC"),
        ("注", "CJK"),
        ("1", None),
        ("👍", None),
    ],
)
def test_letters_have_an_alphabet(char: str, alphabet: str | None) -> None:
    assert alphabet_of(char) == alphabet


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Đơn hàng đang ở đâu", "Don hang dang o dau"),
        ("perché è così", "perche e cosi"),
        ("שָׁלוֹם", "שלום"),
        ("geïnteresseerd", "geinteresseerd"),
    ],
)
def test_accents_go_as_on_a_keyboard_without_them(text: str, plain: str) -> None:
    assert drop_accents(text) == plain


@pytest.mark.parametrize(
    ("text", "script", "read"),
    [
        ("可以幫我轉專員嗎？發票 🙏", "Hans", "可以帮我转专员吗？发票 🙏"),
        ("可以幫我轉專員嗎", "Hant", "可以帮我转专员吗"),
        ("可以帮我转专员吗", "Hans", "可以帮我转专员吗"),
        # Japanese has some of these characters, and keeps them.
        ("領収書", "Jpan", "領収書"),
        ("關稅", None, "關稅"),
    ],
)
def test_chinese_is_read_in_simplified_characters(text: str, script: str | None, read: str) -> None:
    assert simplify(text, script) == read


def test_what_is_simplified_stays_as_long() -> None:
    ideographs = "".join(map(chr, range(0x3400, 0xA000)))
    simplified = simplify(ideographs, "Hans")
    assert len(simplified) == len(ideographs)
    assert 3_000 < sum(one != other for one, other in zip(ideographs, simplified, strict=True)) < 5_000


def test_dev_messages_in_taiwans_characters_read_as_they_were_written() -> None:
    to_taiwan = OpenCC("s2tw").convert
    lines = (PROJECT_FOLDER / "tests/data/dev/zh.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    traditional = [to_taiwan(text) for text in texts]
    assert sum(one != other for one, other in zip(texts, traditional, strict=True)) > 0.9 * len(texts)
    same = sum(
        simplify(one, "Hans") == simplify(other, "Hans")
        for one, other in zip(texts, traditional, strict=True)
    )
    assert same >= 0.97 * len(texts)
