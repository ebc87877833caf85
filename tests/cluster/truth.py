"""What the databases say in the end, compared with what the visitors said and heard."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from handoff.conversations.models import Author, Conversation, Event, Message, TurnState
from tests.cluster.visitor import Said, Visitor


@dataclass
class Verdict:
    """Counts, and one line for everything that must not be."""

    conversations: int = 0
    accepted: int = 0
    answered: int = 0
    handed_off: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Answers that are not the question's, bot sentences out of turn, sockets that heard something else."""

    @property
    def problems(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.disordered, *self.wrong]


async def count_unsettled(database_url: str) -> int:
    """Return how many customers' messages still wait for their outcome."""
    engine = create_async_engine(database_url)
    try:
        async with engine.connect() as connection:
            query = text("select count(*) from messages where turn_state = 'pending'")
            return int((await connection.execute(query)).scalar_one())
    finally:
        await engine.dispose()


async def last_seqs(database_url: str, visitors: Sequence[Visitor]) -> list[int]:
    """Return the last position in each visitor's log."""
    engine = create_async_engine(database_url)
    try:
        async with AsyncSession(engine) as session:
            rows = await session.execute(select(Conversation.id, Conversation.last_seq))
            known = {str(row.id): row.last_seq for row in rows}
            return [known[visitor.conversation_id] for visitor in visitors]
    finally:
        await engine.dispose()


async def judge(database_url: str, bot_database_url: str, visitors: Sequence[Visitor]) -> Verdict:
    """Compare the service's and Rasa's databases with what each visitor knows."""
    verdict = Verdict(conversations=len(visitors))
    engine = create_async_engine(database_url)
    try:
        async with AsyncSession(engine) as session:
            for visitor in visitors:
                await _judge_one(session, visitor, verdict)
    finally:
        await engine.dispose()
    verdict.doubled += await _find_taken_twice(bot_database_url)
    return verdict


async def _judge_one(session: AsyncSession, visitor: Visitor, verdict: Verdict) -> None:
    conversation_id = uuid.UUID(visitor.conversation_id)
    events = (
        await session.scalars(
            select(Event).where(Event.conversation_id == conversation_id).order_by(Event.seq)
        )
    ).all()
    messages = (
        await session.scalars(
            select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq)
        )
    ).all()
    who = f"conversation {visitor.conversation_id}"
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        verdict.lost.append(f"{who}: the log has gaps")
    _compare_sent(who, visitor, messages, verdict)
    _compare_heard(who, visitor, events, verdict)
    _Reading(who, visitor.said, events, {message.seq: message for message in messages}, verdict).read()


def _compare_sent(who: str, visitor: Visitor, messages: Sequence[Message], verdict: Verdict) -> None:
    stored = [message for message in messages if message.author is Author.CUSTOMER]
    ids = [message.vendor_message_id for message in stored]
    accepted = [said.id for said in visitor.said if said.accepted_at is not None]
    verdict.accepted += len(accepted)
    verdict.lost += [
        f"{who}: {missing} was accepted and is not there" for missing in set(accepted) - set(ids)
    ]
    verdict.doubled += [f"{who}: {twice} was kept twice" for twice, n in Counter(ids).items() if n > 1]
    if not visitor.refusals and ids != [said.id for said in visitor.said if said.id in ids]:
        # (A message that was refused is said again, after what followed it.)
        verdict.disordered.append(f"{who}: messages were kept as {ids}")
    for message in stored:
        if message.turn_state is not TurnState.DONE:
            verdict.lost.append(f"{who}: {message.vendor_message_id} is still {message.turn_state.value}")


def _compare_heard(who: str, visitor: Visitor, events: Sequence[Event], verdict: Verdict) -> None:
    """What came over all the visitor's sockets is the log itself, less what is internal."""
    expected = [event.seq for event in events if event.kind != "understood"]
    heard = [event["seq"] for event in visitor.events]
    if heard == expected:
        return
    verdict.lost += [f"{who}: never heard {seq}" for seq in sorted(set(expected) - set(heard))]
    verdict.doubled += [f"{who}: heard {seq} {n} times" for seq, n in Counter(heard).items() if n > 1]
    if heard != sorted(heard):
        verdict.disordered.append(f"{who}: heard {heard}")
    verdict.wrong += [f"{who}: heard {seq}, which is not in the log" for seq in set(heard) - set(expected)]


class _Reading:
    """Goes through one conversation's log and pairs every message with what became of it."""

    def __init__(
        self,
        who: str,
        said: Sequence[Said],
        events: Sequence[Event],
        messages: dict[int, Message],
        verdict: Verdict,
    ) -> None:
        self._who = who
        self._questions = {item.id: item.question for item in said}
        self._events = events
        self._messages = messages
        self._verdict = verdict
        self._customers = [item for item in messages.values() if item.author is Author.CUSTOMER]
        self._position = {str(item.id): index for index, item in enumerate(self._customers)}
        self._replies: dict[str, int] = {}
        """Number of replies to each message that the bot answered, by message id."""
        self._handoffs: list[int] = []
        self._waiting_at: set[str] = set()
        """Messages that came while people had the conversation."""

    def read(self) -> None:
        owner, answering, last = "bot", None, -1
        for event in self._events:
            if event.kind == "owner":
                owner = event.data["owner"]
                if owner == "waiting":
                    self._handoffs.append(event.seq)
            elif event.kind == "understood":
                assert event.internal is not None
                answering = event.internal["message_id"]
                last = self._note_understood(answering, event.internal["understanding"], owner, last)
            elif event.kind == "message":
                message = self._messages[event.seq]
                if message.author is Author.CUSTOMER and owner != "bot":
                    self._waiting_at.add(str(message.id))
                elif message.author is Author.BOT:
                    self._note_reply(answering, owner, event.seq)
        self._settle()

    def _note_understood(self, message_id: str, understanding: dict[str, Any], owner: str, last: int) -> int:
        verdict, position = self._verdict, self._position[message_id]
        name = self._customers[position].vendor_message_id or ""
        if message_id in self._replies:
            verdict.doubled.append(f"{self._who}: {name} was answered twice")
        if position <= last:
            verdict.disordered.append(f"{self._who}: {name} was answered after a later message")
        if owner != "bot":
            verdict.wrong.append(f"{self._who}: {name} was answered by the bot while it was {owner}")
        if understanding["label"] != self._questions[name].label:
            verdict.wrong.append(f"{self._who}: {name} was understood as {understanding['label']}")
        self._replies[message_id] = 0
        return max(last, position)

    def _note_reply(self, answering: str | None, owner: str, seq: int) -> None:
        if answering is None or owner != "bot":
            self._verdict.wrong.append(f"{self._who}: the bot spoke out of turn at {seq}")
        else:
            self._replies[answering] += 1

    def _settle(self) -> None:
        for message in self._customers:
            name, message_id = message.vendor_message_id or "", str(message.id)
            if message_id in self._replies:
                self._verdict.answered += 1
                replies, expected = self._replies[message_id], self._questions[name].replies
                if replies != expected:
                    self._verdict.wrong.append(f"{self._who}: {name} has {replies} replies, not {expected}")
            elif message_id in self._waiting_at or self._was_handed_off(message):
                self._verdict.handed_off += 1
            else:
                self._verdict.lost.append(f"{self._who}: {name} was neither answered nor handed off")

    def _was_handed_off(self, message: Message) -> bool:
        """Whether the conversation went to people after this message, before anything later was answered."""
        after = next((seq for seq in self._handoffs if seq > message.seq), None)
        return after is not None and not any(
            str(later.id) in self._replies and message.seq < later.seq < after for later in self._customers
        )


async def _find_taken_twice(bot_database_url: str) -> list[str]:
    """Return messages that are in Rasa's memory of a conversation more than once."""
    engine = create_async_engine(bot_database_url)
    try:
        async with engine.connect() as connection:
            rows = await connection.execute(text("select sender_id, message_id from bot_turns"))
            counts = Counter((row.sender_id, row.message_id) for row in rows)
    finally:
        await engine.dispose()
    return [f"Rasa took {message} of {sender} {n} times" for (sender, message), n in counts.items() if n > 1]
