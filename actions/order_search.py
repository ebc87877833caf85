"""How the search for a customer's order goes: the slot `order_search`, and what the form reads from a
tracker."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.forms import REQUESTED_SLOT

from actions.proof import verified_email
from locales.knowledge import is_topic

FORM = "track_order_form"
ORDER_NUMBER = "order_number"
EMAIL = "email"
ORDER = "order"
ORDER_SEARCH = "order_search"

# Labels that mean to answer the form's question, however badly; anything else is an interruption unless it
# brings the very detail that was asked for.
_ANSWERS = frozenset({"inform", "affirm", "track_order", "out_of_scope", "nlu_fallback"})
# Tasks of their own.
_OTHER_TASKS = frozenset(
    {
        "cancel_order",
        "change_delivery_address",
        "start_return",
        "return_status",
        "refund_status",
        "data_request",
    }
)
# Somebody who wants a person gets one, whatever else is in the message.
_FOR_A_PERSON = frozenset({"request_human", "complaint"})


class Outcome(enum.StrEnum):
    """Why the form ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    UNCLEAR = "unclear"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Search:
    """`failures`: lookups that found nothing; `unclear`: answers in a row without the detail that was asked
    for; `told`: number of the order whose status was told last."""

    failures: int = 0
    unclear: int = 0
    outcome: Outcome | None = None
    told: str | None = None

    @classmethod
    def of(cls, tracker: Tracker) -> Search:
        """Read the slot; an empty one is a search that has not begun."""
        stored = tracker.slots.get(ORDER_SEARCH) or {}
        outcome = stored.get("outcome")
        return cls(**{**stored, "outcome": Outcome(outcome) if outcome else None})

    def to_slot(self) -> dict[str, Any]:
        """Return the slot's JSON value."""
        return asdict(self)


class FormTurn:
    """What the form's validation needs to know of a tracker."""

    def __init__(self, tracker: Tracker) -> None:
        message = tracker.latest_message
        self.requested: str | None = tracker.slots.get(REQUESTED_SLOT)
        self.number: str | None = tracker.slots.get(ORDER_NUMBER)
        self.email: str | None = tracker.slots.get(EMAIL)
        self.text = str(message.get("text") or "")
        self.label = (message.get("intent") or {}).get("name")
        self._understanding = message.get("understanding") or {}
        self.details = {entity["entity"] for entity in message.get("entities") or ()} & {ORDER_NUMBER, EMAIL}
        self.signed_in = verified_email(message)
        self._events = tracker.events

    @property
    def is_start(self) -> bool:
        """The form has not asked for anything yet."""
        return self.requested is None

    @cached_property
    def is_resumed(self) -> bool:
        """The message was an interruption, which the bot has answered; the form only asks again."""
        for event in reversed(self._events):
            if event["event"] == "user":
                return False
            if event["event"] == "action" and event["name"] not in (FORM, None):
                return True
        return False

    def is_answering(self, slot: str) -> bool:
        """The message as a whole stands for the detail asked for: it holds neither that nor the other one."""
        return self.requested == slot and not self.is_resumed and not self.details

    @property
    def is_answer(self) -> bool:
        """The message answers the form's question, or tries to."""
        if self.label in _FOR_A_PERSON:
            return False
        if self._is_about_something_else:
            return self.requested in self.details
        if self.label in _ANSWERS:
            return True
        # "No, it's 48214" corrects what was said before.
        return bool(self.details) if self.label == "deny" else self.requested in self.details

    @property
    def _is_about_something_else(self) -> bool:
        """What it means is not sure, but likelier a topic or another task than an answer."""
        if self.label != "nlu_fallback" or self._understanding.get("decision") != "clarify":
            return False
        likeliest = str(self._understanding.get("label"))
        return is_topic(likeliest) or likeliest in _OTHER_TASKS
