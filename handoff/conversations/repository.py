"""Every query on conversations, messages and events; those on turns are in `turn_repository.py`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from handoff.agents.models import Agent
from handoff.conversations.errors import ConversationNotFoundError
from handoff.conversations.models import (
    Author,
    Contact,
    Conversation,
    Delivery,
    Event,
    InboundPayload,
    Message,
    Owner,
)
from handoff.rows import build, fetch_all, table_of, update_later

LONGEST_DELIVERY_DELAY = timedelta(minutes=10)


async def get_conversation(session: AsyncSession, conversation_id: uuid.UUID) -> Conversation:
    """Return a conversation with its contact and agent.

    Raises:
        ConversationNotFoundError: There is none with that id.
    """
    conversation = await session.get(
        Conversation,
        conversation_id,
        options=[joinedload(Conversation.contact), joinedload(Conversation.agent)],
    )
    if conversation is None:
        raise ConversationNotFoundError(str(conversation_id))
    return conversation


# Built once: building a statement takes as long as running it.
_LOCKED_CONVERSATION = (
    select(table_of(Conversation), table_of(Contact))
    .join_from(table_of(Conversation), table_of(Contact))
    .where(table_of(Conversation).c.id == bindparam("id"))
    .with_for_update(of=table_of(Conversation))
)
_CONVERSATION_COLUMNS = len(table_of(Conversation).columns)


async def lock_conversation(session: AsyncSession, conversation_id: uuid.UUID) -> Conversation:
    """Return a conversation whose row nobody else can change until the transaction ends.

    With its contact, as it stands, and its agent; changes of the conversation itself are written (`rows`).

    Raises:
        ConversationNotFoundError: There is none with that id.
    """
    rows = await fetch_all(session, _LOCKED_CONVERSATION, {"id": conversation_id})
    if not rows:
        raise ConversationNotFoundError(str(conversation_id))
    row = rows[0]
    conversation = build(Conversation, row[:_CONVERSATION_COLUMNS])
    conversation.contact = build(Contact, row[_CONVERSATION_COLUMNS:])
    conversation.agent = (
        await session.get(Agent, conversation.agent_id) if conversation.agent_id is not None else None
    )
    update_later(session, conversation)
    return conversation


async def find_contact_by_vendor_id(session: AsyncSession, vendor_contact_id: str) -> Contact | None:
    return await session.scalar(select(Contact).where(Contact.vendor_contact_id == vendor_contact_id))


async def find_message(
    session: AsyncSession, conversation_id: uuid.UUID, author: Author, vendor_message_id: str
) -> Message | None:
    """Return what the author has said under an id of their own."""
    return await session.scalar(
        select(Message).where(
            Message.conversation_id == conversation_id,
            Message.author == author,
            Message.vendor_message_id == vendor_message_id,
        )
    )


async def get_message(session: AsyncSession, message_id: uuid.UUID) -> Message:
    return await session.get_one(Message, message_id)


async def list_messages(session: AsyncSession, conversation_id: uuid.UUID) -> Sequence[Message]:
    return (
        await session.scalars(
            select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq)
        )
    ).all()


async def find_topic_shown_before(session: AsyncSession, message: Message) -> str | None:
    """Return the topic of the article that the bot's last reply before a message was; None if it was none."""
    return await session.scalar(
        select(Message.topic)
        .where(
            Message.conversation_id == message.conversation_id,
            Message.seq < message.seq,
            Message.author == Author.BOT,
        )
        .order_by(Message.seq.desc())
        .limit(1)
    )


async def list_events(
    session: AsyncSession, conversation_id: uuid.UUID, after: int, limit: int = 500
) -> Sequence[Event]:
    return (
        await session.scalars(
            select(Event)
            .where(Event.conversation_id == conversation_id, Event.seq > after)
            .order_by(Event.seq)
            .limit(limit)
        )
    ).all()


async def list_messages_by_seq(
    session: AsyncSession, conversation_id: uuid.UUID, seqs: Sequence[int]
) -> dict[int, Message]:
    if not seqs:
        return {}
    found = await session.scalars(
        select(Message).where(Message.conversation_id == conversation_id, Message.seq.in_(seqs))
    )
    return {message.seq: message for message in found}


async def list_conversations_of_contact(
    session: AsyncSession, contact_id: uuid.UUID, before: datetime, limit: int = 10
) -> Sequence[Conversation]:
    return (
        await session.scalars(
            select(Conversation)
            .where(Conversation.contact_id == contact_id, Conversation.created_at < before)
            .order_by(Conversation.created_at.desc())
            .limit(limit)
        )
    ).all()


async def list_recent_conversations(
    session: AsyncSession, owner: Owner, limit: int
) -> Sequence[Conversation]:
    """Return the conversations of an owner in which something was said, the latest first."""
    return (
        await session.scalars(
            select(Conversation)
            .where(Conversation.owner == owner, Conversation.last_seq > 0)
            .options(joinedload(Conversation.contact))
            .order_by(Conversation.updated_at.desc())
            .limit(limit)
        )
    ).all()


async def list_last_customer_messages(
    session: AsyncSession, conversation_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Message]:
    """Return what the customer of each conversation wrote last."""
    last = (
        select(Message.conversation_id, func.max(Message.seq).label("seq"))
        .where(Message.conversation_id.in_(conversation_ids), Message.author == Author.CUSTOMER)
        .group_by(Message.conversation_id)
        .subquery()
    )
    found = await session.scalars(
        select(Message).join(
            last, (Message.conversation_id == last.c.conversation_id) & (Message.seq == last.c.seq)
        )
    )
    return {message.conversation_id: message for message in found}


async def count_unread_by_agents(
    session: AsyncSession, conversation_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, int]:
    """Return how many of the customer's messages the agent has not seen, where there are any."""
    rows = await session.execute(
        select(Message.conversation_id, func.count(Message.id).label("unread"))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Message.conversation_id.in_(conversation_ids),
            Message.author == Author.CUSTOMER,
            Message.seq > Conversation.agent_read_seq,
        )
        .group_by(Message.conversation_id)
    )
    return {row.conversation_id: row.unread for row in rows}


async def list_unread_by_agent(
    session: AsyncSession, conversation_id: uuid.UUID, after: int
) -> Sequence[Message]:
    return (
        await session.scalars(
            select(Message).where(
                Message.conversation_id == conversation_id,
                Message.author == Author.CUSTOMER,
                Message.seq > after,
            )
        )
    ).all()


# Deliveries


async def list_due_deliveries(session: AsyncSession, now: datetime, limit: int) -> Sequence[Message]:
    """Return messages waiting to go out, locked for this transaction; passes over what others have locked."""
    return (
        await session.scalars(
            select(Message)
            .where(
                Message.delivery == Delivery.PENDING,
                # Due later than any delay: the clock was set back meanwhile.
                or_(Message.delivery_due_at <= now, Message.delivery_due_at > now + LONGEST_DELIVERY_DELAY),
            )
            .order_by(Message.delivery_due_at, Message.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()


async def has_earlier_undelivered(session: AsyncSession, message: Message) -> bool:
    """Whether an older message of the conversation is still to go out: order is kept per conversation."""
    found = await session.scalar(
        select(Message.id)
        .where(
            Message.conversation_id == message.conversation_id,
            Message.delivery == Delivery.PENDING,
            Message.seq < message.seq,
        )
        .limit(1)
    )
    return found is not None


async def find_inbound_payload(
    session: AsyncSession, channel: str, vendor_message_id: str
) -> InboundPayload | None:
    return await session.scalar(
        select(InboundPayload).where(
            InboundPayload.channel == channel, InboundPayload.vendor_message_id == vendor_message_id
        )
    )
