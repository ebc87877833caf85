"""Decisions from probabilities, and what a question before the message changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.buttons import Pressed
from bot.context import EXPECTING_LANGUAGE, Context
from bot.understanding import Thresholds, Understanding, understand

LABELS = (
    "affirm",
    "change_language",
    "deny",
    "faq/exchange",
    "faq/return_policy",
    "inform",
    "thank",
    "track_order",
)
THRESHOLDS = Thresholds(answer_from=0.6, clarify_from=0.3, expected_boost=20, asked_boost=5, offered_boost=3)


def read(
    context: Context | None = None, details: frozenset[str] = frozenset(), **shares: float
) -> Understanding:
    given = {name.replace("__", "/"): share for name, share in shares.items()}
    rest = (1 - sum(given.values())) / (len(LABELS) - len(given))
    probabilities = np.array([given.get(label, rest) for label in LABELS])
    return understand(LABELS, probabilities, context or Context(), details, THRESHOLDS)


@pytest.mark.parametrize(
    ("share", "decision"), [(0.7, "answer"), (0.6, "answer"), (0.5, "clarify"), (0.25, "fallback")]
)
def test_confidence_decides(share: float, decision: str) -> None:
    understood = read(track_order=share)
    assert (understood.label, understood.decision) == ("track_order", decision)


def test_ranking_has_the_five_likeliest_in_order() -> None:
    ranking = read(track_order=0.5, affirm=0.3).ranking
    assert [label for label, _ in ranking][:2] == ["track_order", "affirm"]
    assert len(ranking) == 5


def test_detail_that_was_asked_for_makes_it_an_answer_to_the_question() -> None:
    asked = Context(expecting="order_number")
    found = frozenset({"order_number"})
    assert read(track_order=0.4, inform=0.3).decision == "clarify"
    assert read(asked, found, track_order=0.4, inform=0.3).label == "inform"
    assert read(asked, frozenset(), faq__exchange=0.8, inform=0.1).label == "faq/exchange"
    assert read(asked, found, faq__exchange=0.8, inform=0.1).label == "inform"
    assert read(Context(expecting="email"), found, faq__exchange=0.8, inform=0.1).label == "faq/exchange"


def test_answer_without_the_detail_is_likelier_when_a_detail_was_asked_for() -> None:
    asked = Context(expecting="order_number")
    assert read(asked, track_order=0.5, inform=0.2).label == "inform"
    assert read(asked, track_order=0.9, inform=0.05).decision == "answer"
    # Which language is no detail of an order.
    assert read(Context(expecting=EXPECTING_LANGUAGE), track_order=0.5, inform=0.2).label == "track_order"
    assert read(Context(expecting=EXPECTING_LANGUAGE), deny=0.5, change_language=0.2).label == "deny"


def test_language_named_when_asked_which_is_a_choice_of_it() -> None:
    asked = Context(expecting=EXPECTING_LANGUAGE)
    understood = read(asked, frozenset({"language"}), deny=0.4, change_language=0.2)
    assert understood.label == "change_language"


def test_clear_message_is_itself_even_with_the_detail_in_it() -> None:
    asked = Context(expecting="order_number")
    assert read(asked, frozenset({"order_number"}), faq__exchange=0.99).label == "faq/exchange"


def test_label_that_was_offered_is_likelier() -> None:
    offered = Context(offered=("faq/exchange", "track_order"))
    assert read(faq__exchange=0.35, faq__return_policy=0.5).label == "faq/return_policy"
    assert read(offered, faq__exchange=0.35, faq__return_policy=0.5).label == "faq/exchange"


@pytest.mark.parametrize("asked", ["clarified", "offered_instead"])
def test_yes_to_a_choice_takes_the_first(asked: str) -> None:
    context = replace(Context(offered=("faq/exchange", "track_order")), **{asked: True})
    understood = read(context, affirm=0.95)
    assert (understood.label, understood.decision) == ("faq/exchange", "answer")


def test_no_to_a_choice_is_a_second_failure() -> None:
    context = Context(clarified=True, offered=("faq/exchange",))
    assert read(context, deny=0.95).decision == "fallback"
    # In a task it leaves the task.
    in_task = Context(expecting="order_number", clarified=True, offered=("faq/exchange",))
    assert read(in_task, deny=0.95).decision == "answer"
    assert read(deny=0.95).decision == "answer"
    # Where they stood in place of an article, "no" goes on with that search (bot.failures.denied_topics).
    instead = Context(offered_instead=True, offered=("faq/exchange",))
    assert read(instead, deny=0.95).decision == "answer"


def test_yes_below_an_article_is_thanks_for_it() -> None:
    below_article = Context(offered=("faq/return_cost", "deny"))
    assert read(below_article, affirm=0.95).label == "thank"
    # "Ok, got it, thanks" is a bit of both.
    unsure = read(below_article, affirm=0.5, thank=0.45)
    assert (unsure.label, unsure.decision) == ("thank", "answer")
    assert read(below_article, affirm=0.25, track_order=0.6).decision == "clarify"
    assert read(affirm=0.95).label == "affirm"


def test_yes_and_no_are_likelier_below_an_article() -> None:
    below_article = Context(offered=("faq/return_cost", "deny"))
    assert read(deny=0.35, faq__return_policy=0.5).label == "faq/return_policy"
    assert read(below_article, deny=0.35, faq__return_policy=0.5).label == "deny"
    assert read(below_article, thank=0.35, faq__return_policy=0.5).label == "thank"
    assert read(below_article, deny=0.3, thank=0.35).label == "thank"


@pytest.mark.parametrize(("share", "decision"), [(0.35, "answer"), (0.2, "clarify")])
def test_no_below_an_article_need_only_be_likelier_than_not(share: float, decision: str) -> None:
    """Three times the share, of what adds up to 1 again: 0.62 and 0.43."""
    understood = read(Context(offered=("deny",)), deny=share, faq__return_policy=0.5)
    assert understood.decision == decision


def test_pressed_button_needs_no_probability() -> None:
    context = Context(pressed=Pressed("label", "faq/exchange"))
    understood = read(context, track_order=0.99)
    assert understood == Understanding("faq/exchange", 1.0, (("faq/exchange", 1.0),), "answer")


def test_other_buttons_have_labels_too() -> None:
    assert read(Context(pressed=Pressed("order", "48213"))).label == "inform"
    assert read(Context(pressed=Pressed("language", "it"))).label == "change_language"


def test_button_for_a_label_that_is_gone_is_read_as_text() -> None:
    assert read(Context(pressed=Pressed("label", "faq/gone")), track_order=0.9).label == "track_order"


@pytest.mark.parametrize(
    ("shares", "decision"),
    [
        ({"goodbye": 0.5, "thank": 0.45}, "answer"),
        ({"thank": 0.46, "greet": 0.1}, "clarify"),
        # What else it may be is no courtesy.
        ({"thank": 0.5, "track_order": 0.45}, "clarify"),
        ({"track_order": 0.5, "thank": 0.45}, "clarify"),
    ],
)
def test_two_courtesies_are_as_sure_as_both_together(shares: dict[str, float], decision: str) -> None:
    labels = ("goodbye", "greet", "thank", "track_order", "faq/exchange", "inform")
    given = {"faq/exchange": 1 - sum(shares.values()), **shares}
    probabilities = np.array([given.get(label, 0.0) for label in labels])
    understood = understand(labels, probabilities, Context(), frozenset(), THRESHOLDS)
    assert (understood.label, understood.decision) == (max(shares, key=lambda name: shares[name]), decision)
