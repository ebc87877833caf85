"""A bot whose manners are chosen message by message, and which speaks when it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from handoff.bot_client import TurnRequest, TurnResult
from handoff.errors import BotUnavailableError
from handoff.queue.models import Reason
from handoff.testing import make_result

WRONG = "wrong"
"""Never says anything that makes sense."""
BREAKS = "breaks"
"""Trips over a mistake of ours once, then answers."""
UNWRITABLE = "unwritable"
"""Says something that no database takes."""
ANSWER = "answer"
REASONS = (
    Reason.REQUESTED,
    Reason.LOW_CONFIDENCE,
    Reason.COMPLAINT,
    Reason.SENSITIVE,
    Reason.TASK_FAILED,
)
OUTCOMES = (ANSWER, WRONG, BREAKS, UNWRITABLE, *REASONS)


@dataclass(frozen=True)
class Manner:
    """How the bot takes one message: fails so often in a passing way, waits to be told, then the outcome."""

    outcome: str = ANSWER
    fails: int = 0
    holds: bool = False
    language: str | None = None

    @property
    def has_reply(self) -> bool:
        return self.outcome in (ANSWER, BREAKS)


def reply_to(text: str) -> str:
    return f"echo: {text}"


@dataclass
class MannerlyBot:
    """Known by every replica, as Rasa is; a repeated message id gets what was said before."""

    manners: dict[str, Manner] = field(default_factory=dict)
    """By the text of the message."""
    held: list[tuple[str, asyncio.Future[None]]] = field(default_factory=list)
    """Calls that wait, with the id of their message, the oldest first."""
    down_s: float = 0.0
    _told: set[str] = field(default_factory=set)
    _calls: Counter[str] = field(default_factory=Counter)
    _said: dict[str, TurnResult] = field(default_factory=dict)

    async def take_turn(self, request: TurnRequest) -> TurnResult:
        manner, message_id = self.manners[request.text], request.message_id
        self._calls[message_id] += 1
        if self._calls[message_id] <= manner.fails:
            raise BotUnavailableError("told to fail")
        if manner.holds and message_id not in self._told:
            await self._hold(message_id)
        if manner.outcome == WRONG:
            raise BotUnavailableError("told to be wrong", may_pass=False)
        if manner.outcome == BREAKS and self._calls[message_id] == manner.fails + 1:
            raise RuntimeError("told to break")
        if message_id not in self._said:
            self._said[message_id] = self._say(request, manner)
        return self._said[message_id]

    def _say(self, request: TurnRequest, manner: Manner) -> TurnResult:
        if manner.outcome == UNWRITABLE:
            return make_result(request, "\ud800", language=manner.language)
        if manner.has_reply:
            return make_result(request, reply_to(request.text), language=manner.language)
        return make_result(request, handoff=Reason(manner.outcome), language=manner.language)

    async def _hold(self, message_id: str) -> None:
        call = (message_id, asyncio.get_running_loop().create_future())
        self.held.append(call)
        try:
            await call[1]
        finally:
            self.held.remove(call)

    def speak(self, number: int = 0) -> None:
        """Go on with one of the messages that are held, everywhere it is asked about."""
        if self.held:
            self.speak_of(self.held[number % len(self.held)][0])

    def speak_of(self, message_id: str) -> None:
        self._told.add(message_id)
        for held_id, future in self.held:
            if held_id == message_id and not future.done():
                future.set_result(None)

    def speak_of_all(self) -> None:
        for message_id, _ in list(self.held):
            self.speak_of(message_id)

    async def is_ready(self) -> bool:
        return True

    def down_for_s(self) -> float:
        return self.down_s

    async def close(self) -> None:
        """Nothing to close: it outlives every replica."""
