"""When the bot asks back and when it gives up."""

from __future__ import annotations

import pytest
from rasa.shared.core.events import ActiveLoop, BotUttered, Event, UserUttered

from bot.failures import asked_what_else, count_failures, denied_topics, next_step


def said(decision: str | None) -> UserUttered:
    understanding = {"understanding": {"decision": decision}} if decision else {}
    return UserUttered("…", {"name": "x"}, parse_data=understanding)


@pytest.mark.parametrize(
    ("decisions", "failures"),
    [
        ([], 0),
        (["answer"], 0),
        (["clarify"], 1),
        (["fallback", "clarify"], 2),
        (["fallback", "answer", "clarify"], 1),
        (["fallback", "fallback", "answer"], 0),
    ],
)
def test_failures_count_back_to_the_last_understood_message(decisions: list[str], failures: int) -> None:
    assert count_failures([said(decision) for decision in decisions]) == failures


def test_failures_inside_and_outside_a_form_are_counted_apart() -> None:
    events: list[Event] = [said("fallback"), ActiveLoop("track_order_form"), said("fallback")]
    assert count_failures(events) == 1
    assert count_failures([*events, said("fallback")]) == 2
    assert count_failures([*events, ActiveLoop(None), said("clarify")]) == 1


@pytest.mark.parametrize(
    ("decisions", "step"),
    [
        (["clarify"], "clarify"),
        (["fallback"], "fallback"),
        (["clarify", "fallback"], "handoff"),
        (["fallback", "clarify"], "handoff"),
        (["fallback", "answer", "fallback"], "fallback"),
    ],
)
def test_second_failure_in_a_row_hands_off(decisions: list[str], step: str) -> None:
    events: list[Event] = []
    for decision in decisions:
        events += [said(decision), BotUttered("…")]
    assert next_step(events) == step


def test_message_that_nobody_has_classified_is_no_failure() -> None:
    assert count_failures([said("fallback"), said(None)]) == 0


def turn(label: str, topic: str | None = None) -> list[Event]:
    message = UserUttered("…", {"name": "x"}, parse_data={"understanding": {"label": label}})
    return [message, BotUttered("…", metadata={"topic": topic} if topic else {})]


@pytest.mark.parametrize(
    ("turns", "denied"),
    [
        ([("faq/a", "faq/a")], ([], 0)),
        ([("faq/a", "faq/a"), ("deny", None)], (["faq/a"], 1)),
        ([("greet", None), ("deny", None)], ([], 0)),
        ([("deny", None)], ([], 0)),
        ([("faq/a", "faq/a"), ("thank", None), ("deny", None)], ([], 0)),
        # No to the article, and to what was offered instead.
        ([("faq/a", "faq/a"), ("deny", None), ("deny", None)], (["faq/a"], 2)),
        # An article was chosen from the offers, and was not it either.
        ([("faq/a", "faq/a"), ("deny", None), ("faq/b", "faq/b"), ("deny", None)], (["faq/b", "faq/a"], 2)),
        # Something else was asked in between.
        (
            [("faq/a", "faq/a"), ("deny", None), ("greet", None), ("faq/b", "faq/b"), ("deny", None)],
            (["faq/b"], 1),
        ),
    ],
)
def test_denied_articles_count_back_through_one_search(
    turns: list[tuple[str, str | None]], denied: tuple[list[str], int]
) -> None:
    events = [event for label, topic in turns for event in turn(label, topic)]
    assert denied_topics(events) == denied


def reply(response: str | None) -> BotUttered:
    return BotUttered("…", metadata={"utter_action": response} if response else {})


@pytest.mark.parametrize(
    ("events", "asked"),
    [
        ([said("answer"), reply("utter_thank"), said("answer")], True),
        ([said("answer"), reply("utter_how_can_i_help"), said("answer")], True),
        ([said("answer"), reply("utter_answer"), said("answer")], False),
        ([said("answer"), reply(None), said("answer")], False),
        ([said("answer")], False),
        # What is said now does not count, nor what was said before the last reply.
        ([said("answer"), reply("utter_greet"), said("answer"), reply("utter_thank")], False),
        (
            [said("answer"), reply("utter_thank"), said("answer"), reply("utter_answer"), said("answer")],
            False,
        ),
    ],
)
def test_the_last_reply_may_have_asked_what_else_to_do(events: list[Event], asked: bool) -> None:
    assert asked_what_else(events) is asked
