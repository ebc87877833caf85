"""Two questions in one message."""

from __future__ import annotations

from typing import Any

import pytest

from bot.several_questions import split_questions, understand_questions

SURE = {
    "hello there": ("greet", 0.99),
    "hi,": ("greet", 0.99),
    "great,": ("thank", 0.99),
    "no,": ("deny", 0.99),
    "the blue one,": ("inform", 0.9),
    "hi!": ("greet", 0.99),
    "hi, good evening!": ("greet", 0.99),
    "good evening! who pays the return": ("greet", 0.8),
    "nice weather": ("out_of_scope", 0.9),
    "how long is a refund": ("faq/refund_time", 0.95),
    "who pays the return": ("faq/return_cost", 0.9),
    "how long is a refund?": ("faq/refund_time", 0.95),
    "and who pays the return?": ("faq/return_cost", 0.9),
    "where is 48213?": ("track_order", 0.97),
    "cancel it?": ("cancel_order", 0.9),
    "the blue one?": ("faq/exchange", 0.5),
}


def part(text: str) -> dict[str, Any]:
    label, confidence = SURE[text]
    ranking = [{"label": label, "confidence": confidence}]
    decision = "answer" if confidence >= 0.85 else "clarify"
    return {"label": label, "confidence": confidence, "ranking": ranking, "decision": decision}


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


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("how much is shipping and how long does it take", ["how much is shipping", "how long does it take"]),
        ("quanto costa la spedizione e quando arriva?", ["quanto costa la spedizione", "quando arriva?"]),
        ("wat kost verzenden en hoe lang duurt het", ["wat kost verzenden", "hoe lang duurt het"]),
        ("c'est combien la livraison, et quand est-ce que ça arrive", 2),
        ("¿cuánto cuesta el envío y cuántos días tarda?", 2),
        ("was kostet der Versand und wann kommt es an", 2),
        ("quanto é o frete e em quantos dias chega", 2),
        ("כמה עולה משלוח וכמה ימים זה לוקח", ["כמה עולה משלוח", "כמה ימים זה לוקח"]),
        ("قديش التوصيل وكم يوم بياخد؟", ["قديش التوصيل", "كم يوم بياخد؟"]),
        ("phí ship bao nhiêu z, mà có trả góp được ko", ["phí ship bao nhiêu z", "có trả góp được ko"]),
        ("送料いくらですか、あと何日で届きますか", ["送料いくらですか", "何日で届きますか"]),
        ("运费要多少钱，另外几天能到货", ["运费要多少钱", "几天能到货"]),
        (
            "I ordered on Monday. What does it cost and when is it here",
            ["What does it cost", "when is it here"],
        ),
        # No question word: one thing.
        ("taglia e colore", 0),
        ("the parcel came and it is broken", 0),
        ("ho preso il pacco e non mi sta", 0),
        ("how much and when and where is it", 0),
    ],
)
def test_a_sentence_may_go_on_with_a_second_question(text: str, questions: int | list[str]) -> None:
    found = split_questions(text)
    assert (found if isinstance(questions, list) else len(found)) == questions


def test_two_topics_of_one_sentence_are_both_meant() -> None:
    asked = "how long is a refund and who pays the return"
    assert understood(asked) == ("faq/refund_time", ["faq/return_cost"])


def test_a_half_that_asks_nothing_is_background() -> None:
    assert understood("hello there and who pays the return") == ("faq/refund_time", [])


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


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("hi, how long is a refund?", "faq/refund_time"),
        ("hi, good evening! who pays the return", "faq/return_cost"),
        # Nothing plain stands behind these.
        ("hi! nice weather", "greet"),
        ("hi, the blue one?", "greet"),
        ("hi! hello there", "greet"),
        ("hello there", "greet"),
    ],
)
def test_a_greeting_gives_way_to_the_question_behind_it(text: str, label: str) -> None:
    assert understood(text, label="greet", decision="answer") == (label, [])


@pytest.mark.parametrize("whole", ["greet", "deny", "faq/return_cost", "track_order"])
@pytest.mark.parametrize("opening", ["hi,", "great,", "no,"])
def test_what_stands_in_front_and_makes_a_message_unsure_gives_way(opening: str, whole: str) -> None:
    asked = f"{opening} how long is a refund?"
    assert understood(asked, label=whole, decision="clarify") == ("faq/refund_time", [])
    # A detail is no opening.
    assert understood("the blue one, how long is a refund?", label=whole) == (whole, [])


@pytest.mark.parametrize("label", ["thank", "deny"])
def test_of_what_is_sure_only_a_greeting_gives_way(label: str) -> None:
    assert understood("no, how long is a refund?", label=label, decision="answer") == (label, [])


@pytest.mark.parametrize("decision", ["answer", "clarify"])
def test_a_no_that_declines_is_a_goodbye(decision: str) -> None:
    whole = {"label": "deny", "confidence": 0.9, "ranking": [], "decision": decision}
    declined = understand_questions(whole, "No thanks", part)
    assert (declined["label"], declined["decision"], declined["also"]) == ("goodbye", "answer", [])
    assert understood("no, that's not it", label="deny", decision="answer") == ("deny", [])
