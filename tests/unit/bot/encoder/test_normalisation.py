import unicodedata

import pytest

from bot.encoder.normalisation import build_rules, normalise_character


@pytest.fixture(scope="module")
def rules() -> dict[str, str]:
    return build_rules()


@pytest.mark.parametrize(
    ("character", "normal"),
    [
        ("A", "a"),
        ("Ａ", "a"),
        ("ﬁ", "fi"),
        ("½", "1/2"),
        ("İ", "i"),
        ("Ế", "ế"),
        ("đ", "đ"),
        ("\u05b8", ""),
        ("\ufb2a", "ש"),
        ("־", "-"),
        ("״", '"'),
        ("أ", "ا"),
        ("٣", "3"),
        ("ς", "σ"),
        ("\u200d", ""),
        ("\ufe0f", ""),
        ("🏽", ""),
        ("\t", " "),
        ("\u3000", " "),
        ("▁", " "),
        ("’", "'"),
        ("ㅋ", "ㅋ"),
        ("日", "日"),
    ],
)
def test_a_character_becomes_its_normal_form(character, normal):
    assert normalise_character(character) == normal


def test_what_is_normal_stays_so(rules):
    for normal in set(rules.values()):
        assert "".join(normalise_character(character) for character in normal) == normal


@pytest.mark.parametrize("letter", "ếệữộặÅéñščżйがऩ")
def test_a_letter_spelled_out_gives_the_composed_one(rules, letter):
    assert rules[unicodedata.normalize("NFD", letter)] == normalise_character(letter)


@pytest.mark.parametrize("letter", "ệộặậợự")
def test_marks_above_and_below_may_come_in_any_order(rules, letter):
    base, below, above = unicodedata.normalize("NFD", letter)
    for start, end in ((below, above), (above, below)):
        assert rules[base + start + end] == letter
        assert rules[unicodedata.normalize("NFC", base + start) + end] == letter


@pytest.mark.parametrize("letter", "àèéìòùçâêôăơưđạảấầẩếệịọộứựỹäöüßñåøłşğıйёїґабвαωאבשתابतं가")
def test_letters_of_our_languages_stay_as_they_are(letter):
    assert normalise_character(letter) == letter
