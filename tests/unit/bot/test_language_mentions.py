"""Names of languages in messages."""

from __future__ import annotations

import pytest

from bot.language_mentions import LanguageMentions

MENTIONS = LanguageMentions({"anglit": "en", "tiếng Ý": "it"})


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("can we speak English?", ["en"]),
        ("possiamo passare all'inglese", ["en"]),
        ("אפשר באנגלית?", ["en"]),
        ("תמשיך בenglish", ["en"]),
        ("efshar be anglit?", ["en"]),
        ("nói tiếng Anh được không", ["en"]),
        ("noi tieng anh duoc khong", ["en"]),
        ("tiếng Ý nhé", ["it"]),
        ("kan het in het Nederlands?", ["nl"]),
        ("sprechen Sie Deutsch", ["de"]),
        ("parlez-vous français ?", ["fr"]),
        ("中文 可以吗", ["zh"]),
        ("请用英语回复我", ["en"]),
        ("可以说法语或者德语吗", ["fr", "de"]),
        ("日本語にしてください", ["ja"]),
        ("ポルトガル語でお願いします", ["pt"]),
        ("한국어로 해 주세요", ["ko"]),
        ("تدعمون الإنجليزية؟", ["en"]),
        ("ممكن نكمل بالإنجليزي", ["en"]),
        ("انجليزي لو سمحت", ["en"]),
        ("للعربية", ["ar"]),
        ("تكلمون فرنسي؟", ["fr"]),
        ("my Dutch is bad, is English possible", ["nl", "en"]),
    ],
)
def test_languages_are_found_in_every_tongue(text: str, codes: list[str]) -> None:
    assert [mention.code for mention in MENTIONS.find(text)] == codes


@pytest.mark.parametrize(
    "text",
    [
        "anh ơi cho em hỏi đơn hàng",  # "anh" is you, not English
        "Trạng thái đơn hàng của mình",  # not Thai
        "lý do: chồng mua trùng",  # not Chinese
        "Kho tận Hà Lan thì lâu lắm",  # the country
        "englishman in new york",
        "where is my order",
    ],
)
def test_everyday_words_are_no_languages(text: str) -> None:
    assert MENTIONS.find(text) == []


def test_short_name_counts_where_little_else_is_said() -> None:
    assert [mention.code for mention in MENTIONS.find("Anh nhé")] == ["en"]


def test_place_is_the_name_without_its_prefix() -> None:
    text = "אפשר באנגלית?"
    (mention,) = MENTIONS.find(text)
    assert text[mention.start : mention.end] == "אנגלית"
