""" "No thanks" is no opinion of the answer above it."""

from __future__ import annotations

import pytest

from bot.declining import declines


@pytest.mark.parametrize(
    "text",
    [
        "No thanks",
        "no that’s all thanks",
        "nope, I'm good",
        "Nein danke, das war's",
        "nee dank je dat was alles",
        "Non merci c'est tout",
        "no, gracias, eso es todo",
        "No grazie, a posto così",
        "não obrigada, era só isso",
        "לא תודה זה הכל",
        "لا شكراً، هذا كل شيء",
        "Không cần nữa, cảm ơn shop nha",
        "khong cam on",
        "不用了谢谢",
        "不用了，謝謝您",
        "いいえ、大丈夫です",
        "いえ、結構です。ありがとうございます",
        "never mind, thanks",
        "laat maar, bedankt",
        "Déjalo, gracias",
        "算了，谢谢",
    ],
)
def test_a_polite_no_with_nothing_else_declines(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "thanks",
        "laat maar",
        "never mind that, thanks, where is my order",
        "no, that didn't help, thanks",
        "no gracias, eso no me ayuda",
        "no es todo",
        "não é só isso",
        "não é isso",
        "non è tutto",
        "non va bene così",
        "no estoy bien",
        "לא עזר, תודה",
        "ما ساعدني شكرا",
        "không đúng, cảm ơn",
        "不是这个，谢谢",
        "解決しません、ありがとう",
        "no thanks where is my order",
        "",
    ],
)
def test_a_no_that_says_more_is_about_the_answer(text: str) -> None:
    assert not declines(text)
