"""Public fakes: they implement the real interfaces and have tests of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from handoff.bot_client import (
    HandoffSignal,
    RankedLabel,
    RecognisedLanguage,
    Reply,
    TurnRequest,
    TurnResult,
    Understanding,
)
from handoff.channels.base import ChannelTraits, DeliveryError, OutboundMessage, Receipt
from handoff.errors import BotUnavailableError
from handoff.queue.models import Reason

Script = Callable[[TurnRequest], TurnResult]


def make_result(
    request: TurnRequest,
    *replies: str,
    label: str = "greet",
    language: str | None = None,
    decision: str = "answer",
    handoff: Reason | None = None,
    slots: dict[str, object] | None = None,
) -> TurnResult:
    """Return a turn's result as the bot would give it."""
    chosen = language or request.metadata.get("language") or request.metadata.get("language_hint") or "en"
    return TurnResult(
        message_id=request.message_id,
        replies=[Reply(text=reply) for reply in replies],
        language=RecognisedLanguage(detected=chosen, confidence=0.99, chosen=chosen),
        understanding=Understanding(
            label=label,
            confidence=0.97,
            ranking=[RankedLabel(label=label, confidence=0.97, title=label)],
            decision=decision,
        ),
        slots=slots or {},
        handoff=HandoffSignal(reason=handoff) if handoff else None,
    )


def echo(request: TurnRequest) -> TurnResult:
    """Repeat what was said; "agent" asks for a person."""
    if request.text == "agent":
        return make_result(request, label="request_human", handoff=Reason.REQUESTED)
    return make_result(request, f"echo: {request.text}")


@dataclass
class FakeBot:
    """A bot in this process: says what `script` says, the same for a repeated message id.

    `failures`: how many calls fail before it works, in a way that `may_pass` or not; `delay_s`: how long an
    answer takes; `down_s`: for how long it says to have been down.
    """

    script: Script = echo
    failures: int = 0
    delay_s: float = 0.0
    may_pass: bool = True
    down_s: float = 0.0
    calls: list[TurnRequest] = field(default_factory=list)
    _said: dict[str, TurnResult] = field(default_factory=dict)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)

    async def take_turn(self, request: TurnRequest) -> TurnResult:
        self.calls.append(request)
        if self.delay_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self.delay_s)
        if self.failures > 0:
            self.failures -= 1
            raise BotUnavailableError("told to fail", may_pass=self.may_pass)
        if request.message_id not in self._said:
            self._said[request.message_id] = self.script(request)
        return self._said[request.message_id]

    def answer_now(self) -> None:
        """Let every answer come at once, also those that are under way."""
        self._hurry.set()

    async def is_ready(self) -> bool:
        return self.failures == 0

    def down_for_s(self) -> float:
        return self.down_s

    async def close(self) -> None:
        self._said.clear()


@dataclass
class FakePushingChannel:
    """A vendor's channel in this process. `errors` are raised first, one a call."""

    traits: ChannelTraits = field(
        default_factory=lambda: ChannelTraits(name="fake", pushes=True, reply_window_s=24 * 3600)
    )
    errors: list[DeliveryError] = field(default_factory=list)
    sent: list[OutboundMessage] = field(default_factory=list)

    async def send(self, message: OutboundMessage) -> Receipt:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(message)
        return Receipt(vendor_delivery_id=f"fake-{len(self.sent)}")
