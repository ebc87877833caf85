"""The edge at which agents change a conversation: one transaction with the conversation locked in it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from handoff.channels.base import ChannelTraits
from handoff.context import Services
from handoff.conversations import repository
from handoff.conversations.models import Conversation


@asynccontextmanager
async def change(
    services: Services, conversation_id: uuid.UUID
) -> AsyncIterator[tuple[AsyncSession, Conversation, ChannelTraits]]:
    """Open a transaction with the conversation locked in it.

    Raises:
        ConversationNotFoundError: There is none with that id.
    """
    async with services.database.transaction() as session:
        conversation = await repository.lock_conversation(session, conversation_id)
        yield session, conversation, services.channels.get_traits(conversation.channel)
