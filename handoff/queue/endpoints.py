"""The agents' API: see the queue, open a conversation, take it, write, resolve, hand back."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from handoff.agents.endpoints import CurrentAgent
from handoff.context import Services, get_services
from handoff.conversations import repository as conversation_repository
from handoff.conversations import service as conversations
from handoff.conversations.text import MAX_SEQ, clean_text
from handoff.errors import NotFoundError
from handoff.queue import repository, service
from handoff.queue.changes import change
from handoff.queue.models import Handoff
from handoff.queue.schemas import (
    AgentMessage,
    ConversationView,
    HandBack,
    HandoffView,
    PacketView,
    QueueView,
    Resolve,
    Written,
)
from handoff.queue.summary import compose_summary
from locales.languages import find_language

router = APIRouter(prefix="/api/v1", tags=["queue"])

InServices = Annotated[Services, Depends(get_services)]


@router.get("/queue")
async def get_queue(current: CurrentAgent, services: InServices) -> QueueView:
    """Who waits, the most urgent and longest waiting first, and what agents are working on."""
    async with services.database.reading() as session:
        return QueueView(
            waiting=[_line(services, handoff) for handoff in await repository.list_waiting(session)],
            taken=[_line(services, handoff) for handoff in await repository.list_taken(session)],
        )


def _line(services: Services, handoff: Handoff) -> HandoffView:
    conversation = handoff.conversation
    return HandoffView.of(
        handoff, customer_present=services.find_customer_presence(conversation.id, conversation.channel)
    )


@router.get("/conversations/{conversation_id}")
async def get_conversation(
    conversation_id: uuid.UUID,
    current: CurrentAgent,
    services: InServices,
    after: Annotated[int, Query(ge=0, le=MAX_SEQ)] = 0,
) -> ConversationView:
    """A conversation with up to 500 of its events after a position."""
    async with services.database.reading() as session:
        conversation = await conversation_repository.get_conversation(session, conversation_id)
        return ConversationView(
            conversation_id=conversation.id,
            owner=conversation.owner.value,
            agent=conversation.agent.name if conversation.agent else None,
            language=conversations.language_of(conversation),
            channel=conversation.channel,
            customer_present=services.find_customer_presence(conversation.id, conversation.channel),
            seq=conversation.last_seq,
            events=await conversations.list_rendered_events(session, conversation_id, after),
        )


@router.get("/conversations/{conversation_id}/packet")
async def get_packet(
    conversation_id: uuid.UUID,
    current: CurrentAgent,
    services: InServices,
    language: Annotated[str | None, Query(max_length=20)] = None,
) -> PacketView:
    """The latest handoff packet, and its summary in the agent's language or the one asked for."""
    async with services.database.reading() as session:
        handoffs = await repository.list_handoffs_of(session, conversation_id)
    if not handoffs:
        raise NotFoundError(f"no handoff of {conversation_id}")
    wanted = find_language(language) or find_language(current.agent.language)
    tag = wanted.tag if wanted else "en"
    packet = handoffs[-1].packet
    return PacketView(packet=packet, summary=compose_summary(packet, tag), language=tag)


@router.post("/conversations/{conversation_id}/take", status_code=204)
async def take(conversation_id: uuid.UUID, current: CurrentAgent, services: InServices) -> None:
    """Take a conversation; of two agents one wins, the other gets 409."""
    async with change(services, conversation_id) as (session, conversation, traits):
        await service.take(session, conversation, traits, current.agent)


@router.post("/conversations/{conversation_id}/messages", status_code=201)
async def write(
    conversation_id: uuid.UUID, body: AgentMessage, current: CurrentAgent, services: InServices
) -> Written:
    """Say something to the customer."""
    text = clean_text(body.text, services.settings.max_text_characters)
    async with change(services, conversation_id) as (session, conversation, traits):
        message = await service.write(session, conversation, traits, current.agent, text, body.id)
        return Written(message_id=message.id, seq=message.seq)


@router.post("/conversations/{conversation_id}/read", status_code=204)
async def read(conversation_id: uuid.UUID, current: CurrentAgent, services: InServices) -> None:
    """Note that the agent who has the conversation has seen all of it."""
    async with change(services, conversation_id) as (session, conversation, _):
        if conversation.agent_id == current.agent.id:
            await service.mark_seen_by_agent(session, conversation)


@router.post("/conversations/{conversation_id}/resolve", status_code=204)
async def resolve(
    conversation_id: uuid.UUID, body: Resolve, current: CurrentAgent, services: InServices
) -> None:
    async with change(services, conversation_id) as (session, conversation, traits):
        await service.resolve(session, conversation, traits, current.agent, body.reason, body.note)


@router.post("/conversations/{conversation_id}/hand-back", status_code=204)
async def hand_back(
    conversation_id: uuid.UUID, body: HandBack, current: CurrentAgent, services: InServices
) -> None:
    async with change(services, conversation_id) as (session, conversation, traits):
        await service.hand_back(session, conversation, traits, current.agent, body.note)
