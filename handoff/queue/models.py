"""Handoffs."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column, relationship

from handoff.agents.models import Agent
from handoff.clock import utc_now
from handoff.conversations.models import Conversation
from handoff.database import Base, UtcDateTime, string_enum


class Reason(enum.StrEnum):
    """Why a person is needed."""

    REQUESTED = "requested"
    LOW_CONFIDENCE = "low_confidence"
    COMPLAINT = "complaint"
    SENSITIVE = "sensitive"
    TASK_FAILED = "task_failed"
    BOT_UNAVAILABLE = "bot_unavailable"
    STEPPED_IN = "stepped_in"
    """Nobody asked: an agent took the conversation from the bot."""


class HandoffState(enum.StrEnum):
    WAITING = "waiting"
    TAKEN = "taken"
    RESOLVED = "resolved"
    HANDED_BACK = "handed_back"
    LEFT = "left"
    """The customer left the queue."""


class Resolution(enum.StrEnum):
    """How an agent closed a conversation."""

    SOLVED = "solved"
    NO_ANSWER = "no_answer"
    DUPLICATE = "duplicate"
    SPAM = "spam"
    OTHER = "other"


class Handoff(Base):
    __tablename__ = "handoffs"
    __table_args__ = (Index("ix_handoffs_queue", "state", "priority", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    conversation: Mapped[Conversation] = relationship(lazy="raise")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    state: Mapped[HandoffState] = mapped_column(string_enum(HandoffState, 20), default=HandoffState.WAITING)
    reason: Mapped[Reason] = mapped_column(string_enum(Reason, 20))
    priority: Mapped[int] = mapped_column(Integer)
    """1 urgent, 2 high, 3 normal; the lower is served first."""
    priority_why: Mapped[list[str]] = mapped_column(JSON, default=list)
    language: Mapped[str | None] = mapped_column(String(8))
    packet: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """tests/contracts/handoff_packet.schema.json"""
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agents.id"))
    agent: Mapped[Agent | None] = relationship(lazy="raise")
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolution: Mapped[Resolution | None] = mapped_column(string_enum(Resolution, 20))
    note: Mapped[str | None] = mapped_column(Text)
