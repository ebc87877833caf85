"""Where is my order: the form that finds a customer's order, and telling how it stands.

Nothing is said about an order before it is proven to be the customer's (`actions.proof`). The form's
validation does the looking up, so that a failed one asks again; `ActionTrackOrder` ends the task, one way
or the other.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecutionRejected, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import REQUESTED_SLOT

from actions.commerce.base import Commerce, CommerceUnavailableError, Order
from actions.commerce.reading import read
from actions.commerce.registry import get_commerce
from actions.order_search import EMAIL, FORM, ORDER, ORDER_NUMBER, ORDER_SEARCH, FormTurn, Outcome, Search
from actions.order_telling import tell_order
from actions.proof import find_email, find_proven_order, verified_email
from actions.snapshot import render_snapshot

MOST_FAILURES = 3
MOST_OFFERS = 3

# What is said before the handoff when the form ended without an order.
_LAST_WORDS = {
    Outcome.NOT_FOUND: "utter_order_not_found_last",
    Outcome.UNCLEAR: "utter_order_unclear_last",
    Outcome.UNAVAILABLE: "utter_order_lookup_failed",
}

Events = list[dict[str, Any]]
Domain = dict[str, Any]
Clock = Callable[[], datetime]

logger = logging.getLogger(__name__)


class ShopAction(Action, ABC):  # type: ignore[misc]
    """An action that asks the shop: the process's own unless another is given (tests)."""

    def __init__(self, commerce: Commerce | None = None, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._commerce = commerce
        self._clock = clock

    @property
    def commerce(self) -> Commerce:
        """The shop's orders."""
        return self._commerce or get_commerce()

    # Abstract, so that the executor registers the actions below and not this class.
    @abstractmethod
    def name(self) -> str:
        """Return the name by which Rasa knows the action."""


class ValidateTrackOrderForm(ShopAction):
    """Reads what the customer gave, asks for what is missing and looks the order up.

    Ends the form (`requested_slot` None) with the outcome in the slot `order_search`; sets the slot `order`
    only when the order is proven to be the customer's.
    """

    def name(self) -> str:
        """Return the name by which Rasa finds a form's validation."""
        return f"validate_{FORM}"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Validate one turn of the form. Rejects messages that are no answer, for the rules to take."""
        turn = FormTurn(tracker)
        search = Search.of(tracker)
        if turn.is_start:
            search = replace(search, unclear=0, outcome=None)
            self._forget_told_order(turn, search)
        elif not turn.is_resumed and not turn.is_answer:
            return [ActionExecutionRejected(FORM)]

        search = self._read_details(turn, search, dispatcher)
        if search.unclear >= MOST_FAILURES:
            return _end(turn, replace(search, outcome=Outcome.UNCLEAR))
        if turn.number is None:
            return _ask(turn, search, ORDER_NUMBER)
        # Signed-in customers are asked too once a lookup has failed: they may have ordered with another
        # address.
        if turn.email is None and (turn.signed_in is None or search.failures):
            return _ask(turn, search, EMAIL)
        return await self._look_up(turn, turn.number, search, dispatcher)

    def _forget_told_order(self, turn: FormTurn, search: Search) -> None:
        # Who asks again without a number most likely means the same order. Only of signed-in customers do
        # we know which other orders they have, so they choose.
        if turn.signed_in and turn.number == search.told and ORDER_NUMBER not in turn.details:
            turn.number = None

    def _read_details(self, turn: FormTurn, search: Search, dispatcher: CollectingDispatcher) -> Search:
        """Normalise number and address in `turn`; say what they look like where none can be made out."""
        raw_number, raw_email = turn.number, turn.email
        # The extractor knows details by their look and their place; alone, they need neither.
        if raw_number is None and turn.is_answering(ORDER_NUMBER):
            raw_number = turn.text
        if raw_email is None and turn.is_answering(EMAIL):
            raw_email = turn.text
        turn.number = self.commerce.parse_order_number(raw_number) if raw_number else None
        turn.email = find_email(raw_email) if raw_email else None

        if raw_number and turn.number is None:
            return _count_unclear(search, "utter_order_number_unclear", dispatcher)
        if raw_email and turn.email is None:
            return _count_unclear(search, "utter_email_unclear", dispatcher)
        return search if turn.is_start or turn.is_resumed else replace(search, unclear=0)

    async def _look_up(
        self, turn: FormTurn, number: str, search: Search, dispatcher: CollectingDispatcher
    ) -> Events:
        try:
            found = await find_proven_order(self.commerce, number, turn.signed_in, turn.email)
        except CommerceUnavailableError:
            logger.exception("the order could not be looked up")
            return _end(turn, replace(search, outcome=Outcome.UNAVAILABLE))
        if found:
            order, proof = found
            snapshot = render_snapshot(order, proof, self._clock())
            return [*_end(turn, replace(search, outcome=Outcome.FOUND)), SlotSet(ORDER, snapshot)]

        search = replace(search, failures=search.failures + 1)
        if search.failures >= MOST_FAILURES:
            # What was tried last stays in the slots: the agent will want to see it.
            return _end(turn, replace(search, outcome=Outcome.NOT_FOUND))
        dispatcher.utter_message(response="utter_order_not_found")
        turn.number = turn.email = None
        return _ask(turn, search, ORDER_NUMBER)


class ActionAskOrderNumber(ShopAction):
    """Asks for the number; offers customers who are signed in their latest orders."""

    def name(self) -> str:
        """Return the name by which Rasa finds how to ask for the slot."""
        return f"action_ask_{ORDER_NUMBER}"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Ask, with buttons where there is something to choose from."""
        orders = await self._recent_orders(verified_email(tracker.latest_message))
        if orders:
            dispatcher.utter_message(
                response="utter_ask_order_number_or_choose",
                buttons=[{"title": order.number, "payload": f"order:{order.number}"} for order in orders],
            )
        else:
            dispatcher.utter_message(response="utter_ask_order_number")
        return []

    async def _recent_orders(self, email: str | None) -> list[Order]:
        if email is None:
            return []
        try:
            return await read(lambda: self.commerce.list_orders_of(email, MOST_OFFERS))
        except CommerceUnavailableError:
            # The question can be asked without buttons; the lookup will tell the customer if the shop is
            # still away.
            logger.exception("recent orders could not be listed")
            return []


class ActionTrackOrder(Action):  # type: ignore[misc]
    """Ends the task: tells how the order stands, or says what went wrong and hands over."""

    def name(self) -> str:
        """Return the action's name."""
        return "action_track_order"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Tell the outcome that the form's validation has left.

        Raises:
            ValueError: There is none: a rule runs this action without the form.
        """
        search = Search.of(tracker)
        if search.outcome is None:
            raise ValueError("action_track_order has to follow track_order_form")
        if search.outcome is not Outcome.FOUND:
            dispatcher.utter_message(response=_LAST_WORDS[search.outcome])
            dispatcher.utter_message(response="utter_handoff_task_failed")
            return [SlotSet(ORDER_SEARCH, Search().to_slot())]

        order = tracker.slots[ORDER]
        for utterance in tell_order(order):
            dispatcher.utter_message(response=utterance.response, **utterance.values)
        if search.told == order["number"] and ORDER_NUMBER not in FormTurn(tracker).details:
            dispatcher.utter_message(response="utter_order_another")
        return [SlotSet(ORDER_SEARCH, Search(told=order["number"]).to_slot())]


def _ask(turn: FormTurn, search: Search, slot: str) -> Events:
    return [*_details(turn, search), SlotSet(REQUESTED_SLOT, slot)]


def _count_unclear(search: Search, response: str, dispatcher: CollectingDispatcher) -> Search:
    search = replace(search, unclear=search.unclear + 1)
    if search.unclear < MOST_FAILURES:
        dispatcher.utter_message(response=response)
    return search


def _details(turn: FormTurn, search: Search) -> Events:
    # At least one slot beside `requested_slot` has to be set: Rasa takes the form for rejected otherwise.
    return [
        SlotSet(ORDER_NUMBER, turn.number),
        SlotSet(EMAIL, turn.email),
        SlotSet(ORDER_SEARCH, search.to_slot()),
    ]


def _end(turn: FormTurn, search: Search) -> Events:
    return [*_details(turn, search), SlotSet(REQUESTED_SLOT, None)]
