"""What customers do while the database is in trouble, and the troubles of an embedded one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, select

from handoff.conversations.models import Author, Event, Message, TurnState
from handoff.database import Database
from locales import catalogue
from tests.customer import Customer
from tests.integration.handoff.faults.people import WITHIN_S


@dataclass
class Attempts:
    """How a message came in: `refusals`, each with the seconds it took; then it was accepted."""

    refusals: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    frame_id: str = field(default_factory=lambda: str(uuid.uuid4()))


async def answer_to(customer: Customer, text: str, attempts: Attempts, timeout_s: float = 30) -> bool:
    """Write a message, and tell whether it was accepted; a refusal is noted."""
    started = time.monotonic()
    await customer.say(text, attempts.frame_id)
    frame = await customer.wait_for(lambda frame: frame.get("id") == attempts.frame_id, timeout_s)
    if frame["type"] == "accepted":
        return True
    attempts.refusals.append((time.monotonic() - started, frame))
    return False


async def until(is_so: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_so():
            await asyncio.sleep(0.02)


async def say_until_accepted(customer: Customer, text: str, timeout_s: float = 40) -> Attempts:
    """Write a message as the widget does: the same again until it is confirmed."""
    attempts = Attempts()
    async with asyncio.timeout(timeout_s):
        while not await answer_to(customer, text, attempts, timeout_s):
            await asyncio.sleep(0.2)
    return attempts


async def check_kept_and_answered(database: Database, customer: Customer, *texts: str) -> None:
    """Check that each was kept once, in order, and answered once; and that the customer saw the log."""
    conversation_id = uuid.UUID(customer.conversation_id)
    async with asyncio.timeout(20):
        while len(customer.texts("bot")) < len(texts):
            await customer.receive(20)
    async with database.reading() as session:
        messages = (
            await session.scalars(
                select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq)
            )
        ).all()
        seqs = (
            await session.scalars(
                select(Event.seq).where(Event.conversation_id == conversation_id).order_by(Event.seq)
            )
        ).all()
    said = [item.text for item in messages if item.author is Author.BOT]
    assert [item.text for item in messages if item.author is Author.CUSTOMER] == list(texts)
    assert said == [f"echo: {text}" for text in texts]
    assert {item.turn_state for item in messages} <= {TurnState.DONE, TurnState.NONE}
    assert list(seqs) == list(range(1, len(seqs) + 1))
    heard = [event["seq"] for event in customer.events]
    assert heard == sorted(set(heard)), "nothing twice, nothing late"
    assert customer.texts("customer") == list(texts)
    assert customer.texts("bot") == said


def check_refusals(attempts: Attempts) -> None:
    """Check that every refusal came in time, in words, and says when to come back."""
    assert attempts.refusals
    for took_s, frame in attempts.refusals:
        assert took_s < WITHIN_S
        assert frame["code"] == "storage_unavailable"
        assert frame["message"] == catalogue.text("service", "error.storage_unavailable", "en")
        assert 0 < frame["retry_after_s"] <= WITHIN_S


class Pragmas:
    """Pragmas that every connection of a database is given again whenever it is used: trouble at will."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted: tuple[str, ...] = ()
        event.listen(database.engine.sync_engine, "checkout", self._set)

    def __call__(self, *wanted: str) -> None:
        self._wanted = wanted
        writer = self._database.writer
        if writer is not None:
            # It is taken out of the pool once and for all.
            self._set(writer)

    def _set(self, connection: Any, *_: Any) -> None:
        for pragma in self._wanted:
            connection.execute(f"PRAGMA {pragma}").close()
