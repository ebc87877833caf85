"""When the bot asks back and when it gives up."""

from __future__ import annotations

import pytest
from rasa.shared.core.events import ActiveLoop, BotUttered, Event, UserUttered

from bot.failures import count_failures, next_step


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
