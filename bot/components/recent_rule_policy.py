"""Rasa's RulePolicy, which looks at the latest turns only and remembers what it has predicted before."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.events import ActionExecuted, ActiveLoop, BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

# Rules have one message of the customer each (`restrict_rules`); one more tells that there was something
# before.
TURNS = 2

# Different situations that are remembered. A shop has a few hundred; each takes a kilobyte.
MOST_REMEMBERED = 2000


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class RecentRulePolicy(RulePolicy):
    """Predicts what RulePolicy predicts.

    That one derives the state of every turn since the conversation's beginning, three times a message, and
    compares it with every rule: 4 ms in the first turns become 30 in the fiftieth. This one takes 1 ms for a
    situation that it has not met before, and next to nothing for one that it has.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what RulePolicy takes."""
        super().__init__(*args, **kwargs)
        self._remembered: OrderedDict[str, PolicyPrediction] = OrderedDict()

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Return RulePolicy's prediction."""
        known = situation(tracker, domain)
        prediction = self._remembered.get(known)
        if prediction is None:
            prediction = super().predict_action_probabilities(tracker, domain, rule_only_data, **kwargs)
            self._remembered[known] = prediction
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        fresh = copy.copy(prediction)
        # A tracker keeps the events as its own.
        fresh.events = [copy.copy(event) for event in prediction.events]
        return fresh

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
    events = recent_events(tracker, turns)
    if len(events) == len(tracker.events):
        return tracker
    return DialogueStateTracker.from_events(tracker.sender_id, events, domain.slots)


def recent_events(tracker: DialogueStateTracker, turns: int = TURNS) -> list[Event]:
    """Return the events of the latest turns, after the one that started the form active when they began."""
    events = list(tracker.events)
    start = _start(events, turns)
    loops = [event for event in events[:start] if isinstance(event, ActiveLoop)]
    return loops[-1:] + events[start:]


def situation(tracker: DialogueStateTracker, domain: Domain) -> str:
    """Return all of a tracker that RulePolicy looks at, as one text: same text, same prediction.

    What customers write and which values they give is not part of it, unless a slot's value may decide
    which rule applies.
    """
    deciding = {slot.name for slot in domain.slots if slot.influence_conversation}
    # Also the beginning of a conversation is something that rules look at.
    seen: list[Any] = [tracker.latest_action_name, tracker.active_loop_name, tracker.is_active_loop_rejected]
    for event in recent_events(tracker):
        if isinstance(event, UserUttered):
            entities = [[entity.get(key) for key in ("entity", "role", "group")] for entity in event.entities]
            seen.append(["user", event.intent_name, event.use_text_for_featurization, entities])
        elif isinstance(event, ActionExecuted):
            seen.append(["action", event.action_name, event.action_text, event.hide_rule_turn])
        elif isinstance(event, SlotSet):
            if event.key in deciding:
                seen.append(["slot", event.key, event.value])
        elif not isinstance(event, BotUttered):
            seen.append({**event.as_dict(), "timestamp": None})
    return json.dumps(seen)


def _start(events: Sequence[Event], turns: int) -> int:
    """Return where the latest turns begin: at the listening before a message; 0 where there are no more."""
    position = len(events)
    while turns and position:
        position -= 1
        if isinstance(events[position], UserUttered):
            turns -= 1
    if turns or not any(isinstance(event, UserUttered) for event in events[:position]):
        return 0
    while position and not _listens(events[position]):
        position -= 1
    return position


def _listens(event: Event) -> bool:
    return isinstance(event, ActionExecuted) and event.action_name == ACTION_LISTEN_NAME
