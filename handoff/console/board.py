"""What the left column lists: who waits, whom agents have in hand, whom the assistant talks to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from handoff.conversations import repository as conversations
from handoff.conversations.models import Conversation, Message, Owner
from handoff.conversations.service import language_of
from handoff.queue import repository as queue
from handoff.queue.models import Handoff

# Whoever stands further back is not served next; the list is read anew at every change.
WAITING_SHOWN = 100
RECENT_WITH_BOT = 20


@dataclass(frozen=True)
class Line:
    """One conversation in a list.

    `since`: waiting, in hand, or last heard of since then (UTC); `agent`: which colleague has it.
    """

    conversation_id: uuid.UUID
    customer: str | None
    channel: str
    language: str
    since: datetime
    last_message: str | None
    reason: str | None = None
    priority: int | None = None
    agent: str | None = None
    unread: int = 0


@dataclass(frozen=True)
class Board:
    waiting: list[Line]
    mine: list[Line]
    others: list[Line]
    with_bot: list[Line]

    def ids(self) -> set[str]:
        """Return the ids of all conversations that are listed."""
        return {
            str(line.conversation_id) for line in (*self.waiting, *self.mine, *self.others, *self.with_bot)
        }

    def count_new(self) -> int:
        """Return how many conversations want this agent's attention."""
        return len(self.waiting) + sum(1 for line in self.mine if line.unread)


async def read_board(session: AsyncSession, agent_id: uuid.UUID, *, with_bot: bool) -> Board:
    """Read the lists; the assistant's conversations only if they are looked at."""
    waiting = await queue.list_waiting(session, WAITING_SHOWN, with_packets=False)
    held = await queue.list_held(session)
    owned_by_bot = (
        await conversations.list_recent_conversations(session, Owner.BOT, RECENT_WITH_BOT) if with_bot else []
    )
    held_ids = [conversation.id for conversation, _ in held]
    last = await conversations.list_last_customer_messages(
        session, held_ids + [conversation.id for conversation in owned_by_bot]
    )
    unread = await conversations.count_unread_by_agents(session, held_ids)
    facts = await queue.list_facts(
        session, [handoff.id for handoff in (*waiting, *(h for _, h in held)) if handoff is not None]
    )
    mine: list[Line] = []
    others: list[Line] = []
    for conversation, handoff in held:
        is_mine = conversation.agent_id == agent_id
        line = _line(
            conversation,
            handoff,
            facts.get(handoff.id, {}) if handoff else {},
            last.get(conversation.id),
            since=handoff.taken_at if handoff and handoff.taken_at else conversation.created_at,
            agent=conversation.agent.name if conversation.agent and not is_mine else None,
            unread=unread.get(conversation.id, 0),
        )
        (mine if is_mine else others).append(line)
    return Board(
        waiting=[
            _line(handoff.conversation, handoff, facts.get(handoff.id, {}), None, since=handoff.created_at)
            for handoff in waiting
        ],
        mine=mine,
        others=others,
        with_bot=[
            _line(conversation, None, {}, last.get(conversation.id), since=conversation.updated_at)
            for conversation in owned_by_bot
        ],
    )


def _line(
    conversation: Conversation,
    handoff: Handoff | None,
    facts: dict[str, Any],
    last: Message | None,
    *,
    since: datetime,
    agent: str | None = None,
    unread: int = 0,
) -> Line:
    return Line(
        conversation_id=conversation.id,
        customer=facts.get("customer") or conversation.contact.name or conversation.contact.email,
        channel=conversation.channel,
        language=language_of(conversation),
        since=since,
        last_message=last.text if last else facts.get("last_message"),
        reason=handoff.reason.value if handoff else None,
        priority=handoff.priority if handoff else None,
        agent=agent,
        unread=unread,
    )
