"""A shop for the tests of the actions, and a customer who talks to the form as Rasa would let them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.commerce.base import Order, OrderLine, OrderStatus, Parcel
from actions.commerce.memory import MemoryCommerce
from actions.orders import ActionAskOrderNumber, ActionTrackOrder, ValidateTrackOrderForm

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GIULIA = "giulia@posta.example"
DAVIDE = "davide@posta.example"


def make_parcel(**changes: Any) -> Parcel:
    """Return a parcel that is on its way and expected in two days."""
    values: dict[str, Any] = {
        "carrier": "BRT",
        "tracking_number": "0862",
        "tracking_url": "https://carrier.example/0862",
        "shipped_at": datetime(2026, 11, 20, 15, 5, tzinfo=UTC),
        "expected_on": date(2026, 11, 23),
    }
    return Parcel(**{**values, **changes})


def make_order(number: str = "TM-48213", **changes: Any) -> Order:
    """Return an order of Giulia's, shipped in one parcel."""
    values: dict[str, Any] = {
        "email": GIULIA,
        "placed_at": datetime(2026, 11, 18, 18, 42, tzinfo=UTC),
        "status": OrderStatus.SHIPPED,
        "market": "IT",
        "currency": "EUR",
        "total": 24500,
        "lines": (OrderLine("linen-duvet-set", "Duvet set", 1, 16900),),
        "parcels": (make_parcel(),),
        "expected_on": date(2026, 11, 23),
    }
    return Order(number=number, **{**values, **changes})


class Talk:
    """One conversation with the form: runs the actions in the order in which Rasa runs them.

    `say` returns the names of the responses. What Rasa does with their events is tested in tests/integration.
    """

    def __init__(self, commerce: MemoryCommerce, verified_email: str | None = None) -> None:
        self.commerce = commerce
        self.metadata = {"contact": {"verified_email": verified_email}}
        self.slots: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.is_asking = False

    async def say(
        self,
        label: str,
        text: str = "",
        likeliest: tuple[str, str] | None = None,
        **details: str,
    ) -> list[str]:
        """Let the customer say something that was understood as `label` with these entities.

        `likeliest` is what an `nlu_fallback` may have meant, with the decision.
        """
        message = {
            "text": text or " ".join(details.values()),
            "intent": {"name": label},
            "entities": [{"entity": name, "value": value} for name, value in details.items()],
            "metadata": self.metadata,
        }
        if likeliest:
            message["understanding"] = {"label": likeliest[0], "decision": likeliest[1]}
        self.events += [{"event": "action", "name": "action_listen"}, {"event": "user", **message}]
        self._apply([{"event": "slot", "name": name, "value": value} for name, value in details.items()])
        self.messages = []
        return await self._run_form(message)

    async def resume(self) -> list[str]:
        """Let the form ask again after the bot has answered an interruption."""
        message = next(event for event in reversed(self.events) if event["event"] == "user")
        self.events.append({"event": "action", "name": "utter_answer"})
        self.messages = []
        return await self._run_form(message)

    async def _run_form(self, message: dict[str, Any]) -> list[str]:
        events = await self._run(ValidateTrackOrderForm(self.commerce, clock=lambda: NOW), message)
        if any(event["event"] == "action_execution_rejected" for event in events):
            return ["rejected"]
        requested = self.slots["requested_slot"]
        if requested == "order_number":
            await self._run(ActionAskOrderNumber(self.commerce), message)
        elif requested == "email":
            self.messages.append({"response": "utter_ask_email"})
        else:
            await self._run(ActionTrackOrder(), message)
        return [message["response"] for message in self.messages]

    async def _run(self, action: Any, message: dict[str, Any]) -> list[dict[str, Any]]:
        self.events.append({"event": "action", "name": "track_order_form"})
        dispatcher = CollectingDispatcher()
        tracker = Tracker("t", dict(self.slots), message, list(self.events), False, None, {}, None)
        events: list[dict[str, Any]] = await action.run(dispatcher, tracker, {})
        self._apply(events)
        self.messages += dispatcher.messages
        return events

    def _apply(self, events: list[dict[str, Any]]) -> None:
        self.events += events
        for event in events:
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
