"""Hebrew and Arabic by their consonants, in whatever letters."""

from __future__ import annotations

import pytest

from bot.learning.consonants import consonants_of
from bot.learning.label_features import count_ngrams


@pytest.mark.parametrize(
    ("script", "own", "romanised"),
    [
        ("Hebr", "איפה ההזמנה שלי?", ["eifo hahazmana sheli?", "efo ahazmana shely"]),
        ("Hebr", "לא קיבלתי את המשלוח", ["lo kibalti et hamishloach", "lo qibalty et hamishlox"]),
        ("Hebr", "והחשבון חסר", ["vehaxeshbon 7aser", "ve-hacheshbon xaser"]),
        ("Arab", "عايز أرجع الطلب", ["3ayez araga3 el talab", "3ayz arga3 el-talab", "3ayez argga3 eltalab"]),
        ("Arab", "وين الطلبية", ["wen el talabeyyeh", "wein il 6alabiye"]),
        ("Arab", "الفاتورة خطأ", ["el fatoura 5ata2", "alfatora khata2"]),
    ],
)
def test_romanised_words_have_the_consonants_of_their_own_letters(
    script: str, own: str, romanised: list[str]
) -> None:
    expected = list(consonants_of(own, script))
    assert len(expected) >= 2
    for text in romanised:
        found = list(consonants_of(text, script))
        # "ahazmana": the article without its h is as common as with it.
        assert [word.removeprefix("h") for word in found] == [word.removeprefix("h") for word in expected]


def test_what_is_no_word_has_no_consonants() -> None:
    assert list(consonants_of("48213 anna@libero.example TM-48213 … 3 aa https://x.example", "Hebr")) == []


@pytest.mark.parametrize("script", ["Latn", "Hans", None])
def test_scripts_with_vowels_have_none(script: str | None) -> None:
    assert list(consonants_of("dove sta il mio pacco", script)) == []


def test_a_romanised_message_shares_n_grams_with_one_in_its_own_letters() -> None:
    own, romanised = (count_ngrams(text, [], 4, "Hebr") for text in ("איפה ההזמנה", "eifo hahazmana"))
    assert {ngram for ngram in own if ngram in romanised} >= {"s:p", "s:hzmn", "s:p hzmn"}
    without = count_ngrams("eifo hahazmana", [], 4)
    assert not any(ngram.startswith("s:") for ngram in without)
