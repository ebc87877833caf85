"""What the middle and the right column show of one conversation, read at one moment."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from handoff.channels.base import ChannelTraits
from handoff.context import Services
from handoff.conversations import repository as conversation_repository
from handoff.conversations import service as conversations
from handoff.conversations.models import Conversation
from handoff.queue import repository
from handoff.queue.models import Handoff
from handoff.queue.packet import build_packet, describe_conversation

# How much of a long conversation is shown at first; the rest on demand.
FIRST_EVENTS = 300


@dataclass(frozen=True)
class ConversationView:
    """A conversation as it stands. `packet` lacks reason and priority where it was never handed off."""

    conversation: Conversation
    traits: ChannelTraits
    handoffs: list[Handoff]
    packet: dict[str, Any]

    @property
    def customer(self) -> str | None:
        known: str | None = self.packet["facts"]["customer"]
        return known


async def read_view(services: Services, conversation_id: uuid.UUID) -> ConversationView:
    """Read a conversation and what is known about it.

    Raises:
        ConversationNotFoundError: There is none with that id.
    """
    async with services.database.reading() as session:
        conversation = await conversation_repository.get_conversation(session, conversation_id)
        traits = services.channels.get_traits(conversation.channel)
        handoffs = list(await repository.list_handoffs_of(session, conversation_id))
        # Built anew: the stored packet stands still while an agent has the conversation.
        packet = (
            await build_packet(session, conversation, handoffs[-1], traits)
            if handoffs
            else await describe_conversation(session, conversation, traits)
        )
        return ConversationView(conversation, traits, handoffs, packet)


async def read_events(services: Services, conversation_id: uuid.UUID, after: int) -> list[dict[str, Any]]:
    """Read all events after a position, oldest first."""
    events: list[dict[str, Any]] = []
    async with services.database.reading() as session:
        while True:
            page = await conversations.list_rendered_events(
                session, conversation_id, events[-1]["seq"] if events else after
            )
            events += page
            if not page:
                return events
