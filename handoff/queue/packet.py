"""The handoff packet: what an agent must know, as one versioned JSON document.

Schema: tests/contracts/handoff_packet.schema.json. Built when a handoff is made and anew whenever the
conversation changes while it waits. Facts only: what is not known is null or empty, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from handoff.channels.base import ChannelTraits
from handoff.clock import utc_now
from handoff.conversations import repository
from handoff.conversations.models import Author, Conversation, Message
from handoff.conversations.service import language_of
from handoff.queue.models import Handoff
from handoff.queue.repository import list_handoffs_of
from locales.knowledge import is_topic

PACKET_VERSION = 1

# What a label says about the customer's mood; every other one is neutral.
MOOD_OF_LABEL = {"complaint": "negative", "thank": "positive"}


async def build_packet(
    session: AsyncSession, conversation: Conversation, handoff: Handoff, traits: ChannelTraits
) -> dict[str, Any]:
    """Return the packet for a handoff of a loaded conversation."""
    return {
        "version": PACKET_VERSION,
        "handoff_id": str(handoff.id),
        "created_at": handoff.created_at.isoformat(),
        "reason": handoff.reason.value,
        "priority": {"level": handoff.priority, "why": handoff.priority_why},
        **await describe_conversation(session, conversation, traits),
    }


async def describe_conversation(
    session: AsyncSession, conversation: Conversation, traits: ChannelTraits
) -> dict[str, Any]:
    """Return what a packet says of the conversation itself; for looking in where there is no handoff."""
    messages = await repository.list_messages(session, conversation.id)
    understood = [message for message in messages if message.understanding]
    return {
        "conversation_id": str(conversation.id),
        "refreshed_at": utc_now().isoformat(),
        "language": _language(conversation, messages),
        "contact": _contact(conversation),
        "channel": _channel(traits, messages),
        "transcript": [_line(message) for message in messages],
        "understanding": [
            {
                "message_id": str(message.id),
                **{
                    key: (message.understanding or {}).get(key)
                    for key in ("label", "confidence", "decision", "ranking")
                },
            }
            for message in understood
        ],
        "facts": _facts(conversation, messages, understood),
        "entities": [
            {"message_id": str(message.id), **entity}
            for message in understood
            for entity in (message.understanding or {}).get("entities", [])
        ],
        "orders": _orders(understood),
        "earlier_conversations": await _earlier(session, conversation),
        "articles_shown": [
            {"topic": message.topic, "at": message.at.isoformat(), "helped": _helped(message, messages)}
            for message in messages
            if message.topic
        ],
        "mood": [
            {
                "message_id": str(message.id),
                "at": message.at.isoformat(),
                "mood": MOOD_OF_LABEL.get((message.understanding or {}).get("label", ""), "neutral"),
            }
            for message in understood
        ],
        "suggestions": {"articles": _suggestions(understood), "canned_replies": []},
    }


def _language(conversation: Conversation, messages: Sequence[Message]) -> dict[str, Any]:
    used = [
        message.language for message in messages if message.author is Author.CUSTOMER and message.language
    ]
    return {
        "current": language_of(conversation),
        "confidence": conversation.language_confidence,
        "asked_for": conversation.language_asked,
        "used": list(dict.fromkeys(used)),
    }


def _contact(conversation: Conversation) -> dict[str, Any]:
    contact = conversation.contact
    return {
        "id": str(contact.id),
        "name": contact.name,
        "email": contact.email,
        "vendor_contact_id": contact.vendor_contact_id,
        "is_verified": contact.is_verified,
        "market": conversation.market,
        "page": conversation.page,
    }


def _channel(traits: ChannelTraits, messages: Sequence[Message]) -> dict[str, Any]:
    last_heard = max((m.at for m in messages if m.author is Author.CUSTOMER), default=None)
    deadline: datetime | None = None
    if traits.reply_window_s is not None and last_heard is not None:
        deadline = last_heard + timedelta(seconds=traits.reply_window_s)
    return {
        "name": traits.name,
        "reply_window_s": traits.reply_window_s,
        "reply_deadline": deadline.isoformat() if deadline else None,
    }


def _line(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "at": message.at.isoformat(),
        "author": message.author.value,
        "name": message.author_name,
        "language": message.language,
        "text": message.text,
        "translation": None,
    }


def _facts(
    conversation: Conversation, messages: Sequence[Message], understood: Sequence[Message]
) -> dict[str, Any]:
    """Return what the summary is made of: who, which order, what was asked and answered, what is open."""
    slots: dict[str, Any] = {}
    for message in understood:
        slots.update((message.understanding or {}).get("slots", {}))
    asked = [
        {"label": u["label"], "title": _title(u), "answered": u["decision"] == "answer"}
        for u in (message.understanding or {} for message in understood)
        if u.get("label") and (is_topic(u["label"]) or u.get("task") == u["label"])
    ]
    last = next((message for message in reversed(messages) if message.author is Author.CUSTOMER), None)
    verified = conversation.contact.is_verified or bool(slots.get("order"))
    return {
        "customer": conversation.contact.name or conversation.contact.email or slots.get("email"),
        "is_verified": verified,
        "order_number": (slots.get("order") or {}).get("number") or slots.get("order_number"),
        "email": conversation.contact.email or slots.get("email"),
        "asked": asked,
        "answered_topics": list(dict.fromkeys(m.topic for m in messages if m.topic)),
        "open": [entry["title"] or entry["label"] for entry in asked if not entry["answered"]],
        "last_message": last.text if last else None,
    }


def _title(understanding: dict[str, Any]) -> str | None:
    label = understanding.get("label")
    return next((r.get("title") for r in understanding.get("ranking", []) if r.get("label") == label), None)


def _orders(understood: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the orders the bot looked up for this customer, each as it stood when last looked at."""
    orders: dict[str, dict[str, Any]] = {}
    for message in understood:
        order = (message.understanding or {}).get("slots", {}).get("order")
        if order:
            orders[str(order.get("number"))] = order
    return list(orders.values())


def _helped(shown: Message, messages: Sequence[Message]) -> bool | None:
    """Return whether the customer said that an article helped; None when they did not say.

    A task goes on below an article: what is said then answers the task's question.
    """
    for message in messages:
        if message.seq <= shown.seq:
            continue
        if message.author is Author.BOT and not message.topic:
            return None
        if message.understanding:
            label = message.understanding.get("label")
            if label == "thank":
                return True
            return False if label in ("deny", "complaint", "request_human") else None
    return None


def _suggestions(understood: Sequence[Message]) -> list[dict[str, Any]]:
    if not understood:
        return []
    ranking = (understood[-1].understanding or {}).get("ranking", [])
    return [
        {"topic": entry["label"], "title": entry.get("title")}
        for entry in ranking
        if is_topic(entry["label"])
    ][:3]


async def _earlier(session: AsyncSession, conversation: Conversation) -> list[dict[str, Any]]:
    earlier = await repository.list_conversations_of_contact(
        session, conversation.contact_id, conversation.created_at
    )
    rows = []
    for other in earlier:
        handoffs = await list_handoffs_of(session, other.id)
        rows.append(
            {
                "id": str(other.id),
                "at": other.created_at.isoformat(),
                "channel": other.channel,
                "language": other.language,
                "reasons": [handoff.reason.value for handoff in handoffs],
                "resolution": next((h.resolution.value for h in reversed(handoffs) if h.resolution), None),
            }
        )
    return rows
