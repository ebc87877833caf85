"""What can happen to a conversation. Every change is an event in its log; nothing here commits."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from handoff import metrics
from handoff.agents.models import Agent
from handoff.channels.base import ChannelTraits
from handoff.clock import utc_now
from handoff.conversations import repository
from handoff.conversations.models import (
    Author,
    Conversation,
    Delivery,
    Event,
    InboundPayload,
    Message,
    Owner,
    TurnState,
)
from handoff.conversations.transitions import Move, Transition, check_move
from handoff.database import announce, when_committed
from handoff.rows import insert_later, make
from locales import catalogue
from locales.languages import find_language, get_language
from locales.markets import default_language

TURNS_TOPIC = "turns"


def conversation_topic(conversation_id: uuid.UUID) -> str:
    return f"conversation:{conversation_id}"


def language_of(conversation: Conversation) -> str:
    """Return the language the customer is spoken to: asked for, recognised, hinted at, or the shop's own."""
    for tag in (conversation.language_asked, conversation.language, conversation.language_hint):
        language = find_language(tag)
        if language:
            return language.tag
    return default_language()


def render_message(message: Message) -> dict[str, Any]:
    """Return a message as the widget and the console see it."""
    language = find_language(message.language)
    return {
        "id": str(message.id),
        "client_id": message.vendor_message_id if message.author is Author.CUSTOMER else None,
        "author": message.author.value,
        "name": message.author_name,
        "text": message.text,
        "buttons": message.buttons,
        "language": message.language,
        "direction": language.direction if language else None,
    }


def render_event(event: Event, message: Message | None) -> dict[str, Any]:
    """Return an event as sockets send it. `internal` is for agents only."""
    rendered = {
        "type": "event",
        "seq": event.seq,
        "kind": event.kind,
        "at": event.at.isoformat(),
        **event.data,
    }
    if message is not None:
        rendered["message"] = render_message(message)
    if event.internal is not None:
        rendered["internal"] = event.internal
    return rendered


async def list_rendered_events(
    session: AsyncSession, conversation_id: uuid.UUID, after: int
) -> list[dict[str, Any]]:
    """Return up to 500 events after a position, oldest first."""
    events = await repository.list_events(session, conversation_id, after)
    messages = await repository.list_messages_by_seq(
        session, conversation_id, [event.seq for event in events if event.kind == "message"]
    )
    return [render_event(event, messages.get(event.seq)) for event in events]


def append_event(
    session: AsyncSession,
    conversation: Conversation,
    kind: str,
    data: dict[str, Any] | None = None,
    *,
    internal: dict[str, Any] | None = None,
    message: Message | None = None,
    at: datetime | None = None,
) -> Event:
    """Write the next event of a locked conversation and announce it."""
    conversation.last_seq += 1
    conversation.updated_at = at or utc_now()
    event = make(
        Event,
        conversation_id=conversation.id,
        seq=conversation.last_seq,
        at=conversation.updated_at,
        kind=kind,
        data=data or {},
        internal=internal,
    )
    insert_later(session, event)
    if message is not None:
        message.seq = event.seq
        message.at = event.at
        insert_later(session, message)
        when_committed(session, metrics.MESSAGES.labels(conversation.channel, message.author.value).inc)
    announce(session, conversation_topic(conversation.id), render_event(event, message))
    return event


def say(
    session: AsyncSession,
    conversation: Conversation,
    traits: ChannelTraits,
    author: Author,
    text: str,
    *,
    agent: Agent | None = None,
    buttons: list[dict[str, str]] | None = None,
    topic: str | None = None,
    language: str | None = None,
    vendor_message_id: str | None = None,
) -> Message:
    """Write one message to the customer; on a channel that pushes, it also waits to be delivered."""
    now = utc_now()
    message = make(
        Message,
        id=uuid.uuid4(),
        conversation_id=conversation.id,
        author=author,
        agent_id=agent.id if agent else None,
        author_name=agent.name if agent else None,
        vendor_message_id=vendor_message_id,
        text=text,
        buttons=buttons or [],
        topic=topic,
        language=language or language_of(conversation),
        delivery=Delivery.PENDING if traits.pushes else Delivery.SENT,
        delivery_due_at=now if traits.pushes else None,
    )
    append_event(session, conversation, "message", message=message)
    return message


def notify_customer(
    session: AsyncSession, conversation: Conversation, traits: ChannelTraits, key: str, **values: Any
) -> Message:
    """Tell the customer of a change, in their language, from the catalogue `service`."""
    text = catalogue.text("service", key, language_of(conversation), **values)
    return say(session, conversation, traits, Author.NOTICE, text)


def receive_message(
    session: AsyncSession,
    conversation: Conversation,
    *,
    vendor_message_id: str,
    text: str,
    payload: str | None,
    body: bytes,
) -> Message:
    """Keep a customer's message, one that is new, in a locked conversation."""
    message = make(
        Message,
        id=uuid.uuid4(),
        conversation_id=conversation.id,
        author=Author.CUSTOMER,
        vendor_message_id=vendor_message_id,
        text=text,
        payload=payload,
        buttons=[],
        turn_state=TurnState.PENDING,
        delivery=Delivery.SENT,
    )
    insert_later(
        session,
        make(
            InboundPayload,
            channel=conversation.channel,
            vendor_message_id=f"{conversation.id}:{vendor_message_id}",
            body=body,
            conversation_id=conversation.id,
        ),
    )
    if conversation.owner is Owner.CLOSED:
        move_owner(session, conversation, Move.REOPEN)
    append_event(session, conversation, "message", message=message)
    announce(session, TURNS_TOPIC, {"type": "turn", "conversation_id": str(conversation.id)})
    return message


def move_owner(
    session: AsyncSession, conversation: Conversation, move: Move, *, agent: Agent | None = None
) -> Transition:
    """Carry out a move of the transition table on a locked conversation; the caller tells the customer.

    Raises:
        WrongOwnerError: The conversation is not where this move starts.
    """
    transition = check_move(move, conversation.owner)
    conversation.owner = transition.target
    # Whoever waited for the bot does so no longer; the next delay is told anew.
    conversation.delayed_at = None
    conversation.agent_id = agent.id if agent and transition.target is Owner.AGENT else None
    conversation.agent = agent if agent and transition.target is Owner.AGENT else None
    if transition.fresh_bot:
        conversation.bot_session += 1
    append_event(session, conversation, "owner", render_owner(conversation), internal={"move": move.value})
    return transition


def render_owner(conversation: Conversation) -> dict[str, Any]:
    agent = conversation.agent if conversation.owner is Owner.AGENT else None
    return {"owner": conversation.owner.value, "agent": {"name": agent.name} if agent else None}


def set_language(
    session: AsyncSession,
    conversation: Conversation,
    language: str,
    *,
    confidence: float | None,
    asked: str | None = None,
) -> None:
    """Note the language of a locked conversation; sockets hear of it when it is another one."""
    before = language_of(conversation)
    conversation.language = language
    conversation.language_confidence = confidence
    if asked:
        conversation.language_asked = asked
    after = language_of(conversation)
    if after != before:
        append_event(
            session,
            conversation,
            "language",
            {"language": after, "direction": get_language(after).direction},
        )


def mark_read_by(
    session: AsyncSession, conversation: Conversation, messages: list[Message], reader: str
) -> None:
    """Tell the customer's side that the bot or an agent has seen these messages of theirs."""
    for message in messages:
        if message.delivery is not Delivery.READ:
            message.delivery = Delivery.READ
            append_event(
                session,
                conversation,
                "delivery",
                {"message_id": str(message.id), "state": Delivery.READ.value},
                internal={"reader": reader},
            )
