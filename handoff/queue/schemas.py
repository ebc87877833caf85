"""What the queue's API takes and gives."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from handoff.conversations.text import NO_NUL
from handoff.queue.models import Handoff, Reason, Resolution


class HandoffView(BaseModel):
    """One line of the queue. `priority`: 1 urgent, 2 high, 3 normal."""

    handoff_id: uuid.UUID
    conversation_id: uuid.UUID
    customer: str | None
    channel: str
    language: str | None
    reason: Reason
    priority: int
    created_at: datetime
    taken_at: datetime | None
    agent: str | None
    last_message: str | None
    customer_present: bool | None
    """Whether the customer is here now; null on a channel that does not tell."""

    @classmethod
    def of(cls, handoff: Handoff, *, customer_present: bool | None) -> HandoffView:
        facts = handoff.packet.get("facts", {})
        return cls(
            handoff_id=handoff.id,
            conversation_id=handoff.conversation_id,
            customer=facts.get("customer"),
            channel=handoff.conversation.channel,
            language=handoff.language,
            reason=handoff.reason,
            priority=handoff.priority,
            created_at=handoff.created_at,
            taken_at=handoff.taken_at,
            agent=handoff.agent.name if handoff.agent else None,
            last_message=facts.get("last_message"),
            customer_present=customer_present,
        )


class QueueView(BaseModel):
    waiting: list[HandoffView]
    taken: list[HandoffView]


class ConversationView(BaseModel):
    conversation_id: uuid.UUID
    owner: str
    agent: str | None
    language: str
    channel: str
    customer_present: bool | None
    """Whether the customer is here now; null on a channel that does not tell."""
    seq: int
    events: list[dict[str, Any]]


class PacketView(BaseModel):
    packet: dict[str, Any]
    summary: str
    """The packet in a few sentences, in `language`."""
    language: str


class AgentMessage(BaseModel):
    id: str = Field(min_length=1, max_length=100, pattern=NO_NUL)
    """The caller's own id: sending it twice writes it once."""
    text: str


class Resolve(BaseModel):
    reason: Resolution
    note: str | None = Field(default=None, max_length=2000, pattern=NO_NUL)


class HandBack(BaseModel):
    note: str | None = Field(default=None, max_length=2000, pattern=NO_NUL)


class Written(BaseModel):
    message_id: uuid.UUID
    seq: int
