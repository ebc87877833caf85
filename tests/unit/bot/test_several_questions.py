"""Two questions in one message."""

from __future__ import annotations

from typing import Any

import pytest

from bot.several_questions import split_questions, understand_questions

SURE = {
    "how long is a refund?": ("faq/refund_time", 0.95),
    "and who pays the return?": ("faq/return_cost", 0.9),
    "where is 48213?": ("track_order", 0.97),
    "cancel it?": ("cancel_order", 0.9),
    "the blue one?": ("faq/exchange", 0.5),
}


def part(text: str) -> dict[str, Any]:
    label, confidence = SURE[text]
    ranking = [{"label": label, "confidence": confidence}]
    return {"label": label, "confidence": confidence, "ranking": ranking, "decision": "answer"}


def understood(text: str, label: str = "faq/refund_time", decision: str = "clarify") -> tuple[str, list[str]]:
    whole = {"label": label, "confidence": 0.5, "ranking": [], "decision": decision}
    found = understand_questions(whole, text, part)
    return found["label"], found["also"]


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("How long is a refund? And who pays the return?", 2),
        ("送料はいくらですか？何日で届きますか？", 2),
        ("متى يصل؟ وكم التكلفة؟", 2),
        ("Ho ordinato ieri. Quando arriva?? Posso cambiarlo?!", 2),
        ("Where is my order?", 0),
        ("Where is it?????", 0),
        ("I ordered on Monday. It is late.", 0),
        ("ok? and where is my order?", 0),
        ("Is it blue? Is it red? Is it green?", 3),
        ("one thing? two thing? three thing? four thing?", 0),
        ("", 0),
    ],
)
def test_questions_are_sentences_with_a_mark(text: str, questions: int) -> None:
    assert len(split_questions(text)) == questions


def test_background_is_no_part_of_the_question() -> None:
    assert split_questions("I ordered on Monday. When is it here? And what does it cost?") == [
        "When is it here?",
        "And what does it cost?",
    ]


def test_two_topics_are_both_meant_in_their_order() -> None:
    assert understood("how long is a refund? and who pays the return?") == (
        "faq/refund_time",
        ["faq/return_cost"],
    )


def test_a_task_comes_after_the_answer() -> None:
    assert understood("where is 48213? and who pays the return?") == ("track_order", ["faq/return_cost"])


@pytest.mark.parametrize(
    "text",
    [
        # One of them is a guess.
        "how long is a refund? the blue one?",
        # The same twice.
        "how long is a refund? how long is a refund?",
        # Two tasks: the first thing that the whole means.
        "where is 48213? cancel it?",
    ],
)
def test_otherwise_the_message_means_what_it_means_as_a_whole(text: str) -> None:
    assert understood(text, "greet") == ("greet", [])


def test_a_whole_that_plainly_means_something_else_wins() -> None:
    text = "how long is a refund? and who pays the return?"
    assert understood(text, "complaint", "answer") == ("complaint", [])
    assert understood(text, "faq/return_cost", "answer")[1] == ["faq/return_cost"]
