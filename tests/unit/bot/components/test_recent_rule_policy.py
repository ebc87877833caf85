"""The policy that looks at the latest turns only."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    BotUttered,
    Event,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.components.recent_rule_policy import recent, situation

DOMAIN = Domain.load(str(Path(__file__).parents[4] / "bot" / "domain"))
FORM = "track_order_form"


def turn(rng: random.Random) -> list[Event]:
    intent = rng.choice(["greet", "faq", "track_order", "inform", "deny", "nlu_fallback"])
    said = UserUttered("…", {"name": intent}, [], {"understanding": {"decision": "answer"}})
    events: list[Event] = [ActionExecuted("action_listen"), said]
    if intent == "track_order":
        events += [ActionExecuted(FORM), ActiveLoop(FORM), SlotSet("requested_slot", "order_number")]
    elif intent == "deny":
        events += [ActionExecuted("utter_task_cancelled"), BotUttered("…"), ActiveLoop(None)]
    elif intent == "inform":
        events += [SlotSet("order_number", "48213"), ActionExecuted(FORM), SlotSet("requested_slot", None)]
        events += [ActiveLoop(None), ActionExecuted("action_track_order"), BotUttered("…")]
    else:
        events += [ActionExecuted("utter_answer"), BotUttered("…")]
    return events


def conversation(seed: int, turns: int) -> DialogueStateTracker:
    rng = random.Random(seed)
    events = [event for _ in range(turns) for event in turn(rng)]
    return DialogueStateTracker.from_events("c1.1", events, DOMAIN.slots)


@pytest.mark.parametrize("seed", range(20))
def test_latest_states_are_those_of_the_whole_conversation(seed: int) -> None:
    tracker = conversation(seed, turns=8)
    short = recent(tracker, DOMAIN)
    states = short.past_states(DOMAIN)
    whole = tracker.past_states(DOMAIN)
    assert len(states) < len(whole)
    # The first state of any tracker is its beginning, before anything was done.
    assert states[1:] == whole[-len(states) + 1 :]
    assert short.active_loop_name == tracker.active_loop_name
    assert short.latest_action_name == tracker.latest_action_name


def test_work_does_not_grow_with_the_conversation() -> None:
    assert len(recent(conversation(1, turns=200), DOMAIN).events) < 40


def test_short_conversation_is_left_as_it_is() -> None:
    tracker = conversation(1, turns=2)
    assert recent(tracker, DOMAIN) is tracker


def test_situation_is_the_same_whatever_was_written_and_before() -> None:
    long, short = conversation(1, turns=30), conversation(1, turns=30)
    shortened = DialogueStateTracker.from_events("c2.1", recent(short, DOMAIN, turns=4).events, DOMAIN.slots)
    assert situation(long, DOMAIN) == situation(shortened, DOMAIN)
    latest = shortened.latest_message
    assert latest is not None
    latest.text, latest.message_id, latest.metadata = "something else", "m-2", {"market": "IT"}
    assert situation(long, DOMAIN) == situation(shortened, DOMAIN)


def test_situations_differ_by_what_rules_look_at() -> None:
    def after(*events: Event) -> str:
        told = [ActionExecuted("action_listen"), *events]
        return situation(DialogueStateTracker.from_events("c1.1", told, DOMAIN.slots), DOMAIN)

    number = {"entity": "order_number", "value": "1"}
    different = [
        after(),
        after(UserUttered("…", {"name": "greet"})),
        after(UserUttered("…", {"name": "inform"})),
        after(UserUttered("…", {"name": "inform"}, [number])),
        after(UserUttered("…", {"name": "inform"}), ActionExecuted("utter_inform")),
        after(ActiveLoop(FORM), UserUttered("…", {"name": "greet"})),
        after(ActiveLoop(FORM), UserUttered("…", {"name": "greet"}), ActionExecutionRejected(FORM)),
        after(ActiveLoop(FORM), ActionExecutionRejected(FORM), UserUttered("…", {"name": "greet"})),
    ]
    assert len(set(different)) == len(different)
