"""Rasa's RulePolicy, which looks at the latest turns only: the hundredth message is as quick as the first."""

from __future__ import annotations

from typing import Any

from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

# Rules have one message of the customer each (`restrict_rules`); one more tells that there was something
# before.
TURNS = 2


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class RecentRulePolicy(RulePolicy):
    """Predicts what RulePolicy predicts.

    That one derives the state of every turn since the conversation's beginning, three times a message, and
    compares only the last few with its rules: 4 ms in the first turns become 30 in the fiftieth.
    """

    def _prediction_states(
        self, tracker: DialogueStateTracker, domain: Domain, *args: Any, **kwargs: Any
    ) -> list[State]:
        states: list[State] = super()._prediction_states(recent(tracker, domain), domain, *args, **kwargs)
        return states

    def _find_action_from_rules(
        self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
    ) -> tuple[str | None, str | None, bool]:
        if use_text_for_last_user_input:
            # Our rules name labels, never texts.
            return None, None, False
        found: tuple[str | None, str | None, bool] = super()._find_action_from_rules(tracker, domain, False)
        return found


def recent(tracker: DialogueStateTracker, domain: Domain, turns: int = TURNS) -> DialogueStateTracker:
    """Return a tracker with only the latest turns, in the form that was active when they began.

    Slots set before are left out: none of ours decides which rule applies (`influence_conversation: false`).
    """
    events = list(tracker.events)
    messages = [position for position, event in enumerate(events) if isinstance(event, UserUttered)]
    if len(messages) <= turns:
        return tracker
    start = _listening_before(events, messages[-turns])
    loops = [event for event in events[:start] if isinstance(event, ActiveLoop)]
    return DialogueStateTracker.from_events(tracker.sender_id, loops[-1:] + events[start:], domain.slots)


def _listening_before(events: list[Event], position: int) -> int:
    while position and not (
        isinstance(events[position], ActionExecuted) and events[position].action_name == ACTION_LISTEN_NAME
    ):
        position -= 1
    return position
