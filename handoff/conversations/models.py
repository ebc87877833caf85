"""Contacts, conversations, messages, the event log, and raw payloads as they came in."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy import (
    text as sql_text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from handoff.agents.models import Agent
from handoff.clock import utc_now
from handoff.database import Base, UtcDateTime, string_enum


class Owner(enum.StrEnum):
    """Who answers the customer. The moves between these are in `transitions.py`."""

    BOT = "bot"
    WAITING = "waiting"
    AGENT = "agent"
    CLOSED = "closed"


class Author(enum.StrEnum):
    CUSTOMER = "customer"
    BOT = "bot"
    AGENT = "agent"
    NOTICE = "notice"


class TurnState(enum.StrEnum):
    """What became of a customer's message: `NONE` for everybody else's."""

    NONE = "none"
    PENDING = "pending"
    DONE = "done"


class Delivery(enum.StrEnum):
    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class Contact(Base):
    """A customer, as far as known."""

    __tablename__ = "contacts"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    vendor_contact_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    """The shop's own id of a signed-in user; set only after its signature was checked."""

    @property
    def is_verified(self) -> bool:
        return self.vendor_contact_id is not None


class Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_owner_updated", "owner", "updated_at"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    contact_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contacts.id"), index=True)
    contact: Mapped[Contact] = relationship(lazy="raise")
    channel: Mapped[str] = mapped_column(String(32))
    owner: Mapped[Owner] = mapped_column(string_enum(Owner), default=Owner.BOT)
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agents.id"))
    agent: Mapped[Agent | None] = relationship(lazy="raise")
    token_hash: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the widget's token."""

    language: Mapped[str | None] = mapped_column(String(8))
    language_confidence: Mapped[float | None] = mapped_column(Float)
    language_asked: Mapped[str | None] = mapped_column(String(8))
    """Asked for by name; holds until another one is asked for."""
    language_hint: Mapped[str | None] = mapped_column(String(8))
    market: Mapped[str | None] = mapped_column(String(2))
    page: Mapped[str | None] = mapped_column(String(500))

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seq: Mapped[int] = mapped_column(default=0)
    bot_session: Mapped[int] = mapped_column(default=1)
    """Counts up when the bot gets the conversation back, so that it starts with a clear memory."""

    customer_delivered_seq: Mapped[int] = mapped_column(default=0)
    customer_read_seq: Mapped[int] = mapped_column(default=0)
    agent_read_seq: Mapped[int] = mapped_column(default=0)

    lease_holder: Mapped[str | None] = mapped_column(String(64))
    """The process that is taking this conversation's turn, until `lease_until`."""
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delayed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the customer was told that the bot's answer takes longer; None again once it is there."""


class Message(Base):
    """One thing said. Never changed after it was written, but for what became of it."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        # Customers and agents choose their ids without knowing of each other's.
        UniqueConstraint("conversation_id", "author", "vendor_message_id"),
        Index(
            "ix_messages_pending",
            "conversation_id",
            "seq",
            sqlite_where=sql_text("turn_state = 'pending'"),
            postgresql_where=sql_text("turn_state = 'pending'"),
        ),
        Index("ix_messages_delivery", "delivery", "delivery_due_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversations.id"))
    seq: Mapped[int]
    """Position in the conversation's event log."""
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    author: Mapped[Author] = mapped_column(string_enum(Author))
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agents.id"))
    author_name: Mapped[str | None] = mapped_column(String(100))
    vendor_message_id: Mapped[str | None] = mapped_column(String(200))
    """The sender's own id: the widget's for customers, the caller's for agents. Makes a repeat harmless."""
    text: Mapped[str] = mapped_column(Text)
    payload: Mapped[str | None] = mapped_column(Text)
    """What a pressed button stands for."""
    buttons: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    language: Mapped[str | None] = mapped_column(String(8))
    topic: Mapped[str | None] = mapped_column(String(64))
    """The article that a bot's message shows."""
    understanding: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What the bot made of a customer's message: label, confidence, ranking, decision, entities."""

    turn_state: Mapped[TurnState] = mapped_column(string_enum(TurnState), default=TurnState.NONE)

    delivery: Mapped[Delivery] = mapped_column(string_enum(Delivery), default=Delivery.SENT)
    delivery_attempts: Mapped[int] = mapped_column(default=0)
    delivery_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivery_error: Mapped[str | None] = mapped_column(String(300))
    vendor_delivery_id: Mapped[str | None] = mapped_column(String(200), index=True)

    def is_from_customer(self, vendor_message_id: str) -> bool:
        """Whether this is the customer's message with that id of theirs."""
        return self.author is Author.CUSTOMER and self.vendor_message_id == vendor_message_id


class Event(Base):
    """Append-only log of a conversation; `seq` is gapless and what sockets resume from."""

    __tablename__ = "events"

    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    kind: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """As the customer's side may see it."""
    internal: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What only agents may see."""


class InboundPayload(Base):
    """A payload as it came in, before anybody understood it: never dropped."""

    __tablename__ = "inbound_payloads"
    __table_args__ = (UniqueConstraint("channel", "vendor_message_id"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    channel: Mapped[str] = mapped_column(String(32))
    vendor_message_id: Mapped[str] = mapped_column(String(300))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    problem: Mapped[str | None] = mapped_column(String(300))
    """Why it could not be parsed; None when it was."""
    conversation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("conversations.id"))
