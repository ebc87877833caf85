"""Handing a conversation to people and back. Everything here works on a locked conversation."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from handoff import metrics
from handoff.agents.models import Agent
from handoff.channels.base import ChannelTraits
from handoff.clock import utc_now
from handoff.conversations import repository as conversation_repository
from handoff.conversations import service as conversations
from handoff.conversations import turn_repository
from handoff.conversations.errors import WrongOwnerError
from handoff.conversations.models import Author, Conversation, Message, Owner, TurnState
from handoff.conversations.transitions import Move
from handoff.database import announce, when_committed
from handoff.queue import repository
from handoff.queue.models import Handoff, HandoffState, Reason, Resolution
from handoff.queue.packet import build_packet
from handoff.queue.team import Team
from locales.formatting import format_date, format_time
from locales.markets import market_for

QUEUE_TOPIC = "queue"

URGENT, HIGH, NORMAL = 1, 2, 3
PRIORITY_OF_REASON = {
    Reason.SENSITIVE: URGENT,
    Reason.COMPLAINT: HIGH,
    Reason.BOT_UNAVAILABLE: HIGH,
    Reason.TASK_FAILED: NORMAL,
    Reason.REQUESTED: NORMAL,
    Reason.LOW_CONFIDENCE: NORMAL,
}


def _announce_queue(session: AsyncSession, conversation: Conversation, handoff: Handoff | None) -> None:
    """Tell whoever shows the queue; no handoff where an agent had stepped in before 0.2, which noted none."""
    announce(
        session,
        QUEUE_TOPIC,
        {
            "type": "queue",
            "handoff_id": str(handoff.id) if handoff else None,
            "conversation_id": str(conversation.id),
            "state": handoff.state.value if handoff else None,
        },
    )


async def hand_off(
    session: AsyncSession, conversation: Conversation, traits: ChannelTraits, reason: Reason, team: Team
) -> Handoff:
    """Put a conversation that the bot owns into the queue, and tell the customer why and what comes next.

    While nobody is at work they hear as well when somebody will be.

    Raises:
        WrongOwnerError: The bot does not own it.
    """
    conversations.move_owner(session, conversation, Move.HAND_OFF)
    priority, why = PRIORITY_OF_REASON[reason], [f"reason:{reason.value}"]
    earlier = await repository.list_handoffs_of(session, conversation.id)
    if priority > HIGH and any(handoff.reason is not Reason.STEPPED_IN for handoff in earlier):
        # Somebody who has to come back should not wait at the end of the queue again.
        priority, why = HIGH, [*why, "repeated"]
    last = await repository.find_last_arrival(session, priority)
    handoff = _add_handoff(session, conversation, reason, priority, why)
    if last is not None:
        # Whoever comes later stands behind, also when the clock was set back in between.
        handoff.created_at = max(handoff.created_at, last + timedelta(microseconds=1))
    conversations.notify_customer(session, conversation, traits, f"notice.handoff.{reason.value}")
    _tell_when_away(session, conversation, traits, team)
    await session.flush()
    handoff.packet = await build_packet(session, conversation, handoff, traits)
    _announce_queue(session, conversation, handoff)
    when_committed(session, metrics.HANDOFFS.labels(reason.value).inc)
    return handoff


def _tell_when_away(
    session: AsyncSession, conversation: Conversation, traits: ChannelTraits, team: Team
) -> None:
    language = conversations.language_of(conversation)
    market = market_for(conversation.market, language)
    back = team.find_return(market)
    if back is not None:
        locale = market.locale_for(language)
        conversations.notify_customer(
            session,
            conversation,
            traits,
            "notice.team_away",
            date=format_date(back.date(), locale),
            time=format_time(back.time(), locale),
        )


def _add_handoff(
    session: AsyncSession, conversation: Conversation, reason: Reason, priority: int, why: list[str]
) -> Handoff:
    handoff = Handoff(
        id=uuid.uuid4(),
        conversation_id=conversation.id,
        created_at=utc_now(),
        reason=reason,
        priority=priority,
        priority_why=why,
        language=conversations.language_of(conversation),
        state=HandoffState.WAITING,
    )
    session.add(handoff)
    return handoff


async def refresh_packet(session: AsyncSession, conversation: Conversation, traits: ChannelTraits) -> None:
    """Bring the packet of an open handoff up to date with the conversation."""
    handoff = await repository.find_open_handoff(session, conversation.id)
    if handoff is not None:
        await session.flush()
        handoff.language = conversations.language_of(conversation)
        handoff.packet = await build_packet(session, conversation, handoff, traits)
        _announce_queue(session, conversation, handoff)


async def take(
    session: AsyncSession, conversation: Conversation, traits: ChannelTraits, agent: Agent
) -> None:
    """Give a conversation that waits, or that the bot has, to an agent; taking one's own changes nothing.

    Raises:
        WrongOwnerError: Another agent has it, or it is closed.
    """
    if conversation.owner is Owner.AGENT and conversation.agent_id == agent.id:
        return
    move = Move.STEP_IN if conversation.owner is Owner.BOT else Move.TAKE
    await _settle_pending_turns(session, conversation)
    transition = conversations.move_owner(session, conversation, move, agent=agent)
    handoff = await repository.find_open_handoff(session, conversation.id)
    if handoff is None:
        why = [f"reason:{Reason.STEPPED_IN.value}"]
        handoff = _add_handoff(session, conversation, Reason.STEPPED_IN, NORMAL, why)
    handoff.state = HandoffState.TAKEN
    handoff.agent_id = agent.id
    handoff.taken_at = utc_now()
    if transition.notice:
        conversations.notify_customer(session, conversation, traits, transition.notice, agent=agent.name)
    if move is Move.STEP_IN:
        await session.flush()
        handoff.packet = await build_packet(session, conversation, handoff, traits)
    _announce_queue(session, conversation, handoff)
    await mark_seen_by_agent(session, conversation)


async def leave_queue(session: AsyncSession, conversation: Conversation, traits: ChannelTraits) -> None:
    """Let the customer go back to the bot.

    Raises:
        WrongOwnerError: The conversation does not wait.
    """
    await _end(session, conversation, traits, Move.LEAVE_QUEUE, HandoffState.LEFT)


async def hand_back(
    session: AsyncSession, conversation: Conversation, traits: ChannelTraits, agent: Agent, note: str | None
) -> None:
    """Give an agent's conversation back to the bot.

    Raises:
        WrongOwnerError: The agent does not have it.
    """
    _check_holds(conversation, agent)
    await _end(session, conversation, traits, Move.HAND_BACK, HandoffState.HANDED_BACK, note=note)


async def resolve(
    session: AsyncSession,
    conversation: Conversation,
    traits: ChannelTraits,
    agent: Agent,
    resolution: Resolution,
    note: str | None,
) -> None:
    """Close an agent's conversation with a reason; the customer's next message opens it again with the bot.

    Raises:
        WrongOwnerError: The agent does not have it.
    """
    _check_holds(conversation, agent)
    await _end(session, conversation, traits, Move.RESOLVE, HandoffState.RESOLVED, resolution, note)


async def write(
    session: AsyncSession,
    conversation: Conversation,
    traits: ChannelTraits,
    agent: Agent,
    text: str,
    vendor_message_id: str,
) -> Message:
    """Say something to the customer as an agent; a repeat of the same id changes nothing.

    Raises:
        WrongOwnerError: The agent does not have the conversation.
    """
    known = await conversation_repository.find_message(
        session, conversation.id, Author.AGENT, vendor_message_id
    )
    if known is not None:
        return known
    _check_holds(conversation, agent)
    return conversations.say(
        session, conversation, traits, Author.AGENT, text, agent=agent, vendor_message_id=vendor_message_id
    )


async def mark_seen_by_agent(session: AsyncSession, conversation: Conversation) -> None:
    """Note that the agent who has the conversation sees all of it; the customer's side is told."""
    unread = await conversation_repository.list_unread_by_agent(
        session, conversation.id, conversation.agent_read_seq
    )
    conversations.mark_read_by(session, conversation, list(unread), "agent")
    conversation.agent_read_seq = conversation.last_seq


def _check_holds(conversation: Conversation, agent: Agent) -> None:
    if conversation.owner is not Owner.AGENT or conversation.agent_id != agent.id:
        raise WrongOwnerError(f"{agent.id} does not have {conversation.id}", owner=conversation.owner.value)


async def _settle_pending_turns(session: AsyncSession, conversation: Conversation) -> None:
    """Leave to the person what the customer wrote and the bot has not answered yet."""
    for message in await turn_repository.list_unanswered(session, conversation.id):
        message.turn_state = TurnState.DONE


async def _end(
    session: AsyncSession,
    conversation: Conversation,
    traits: ChannelTraits,
    move: Move,
    state: HandoffState,
    resolution: Resolution | None = None,
    note: str | None = None,
) -> None:
    values: dict[str, Any] = {"agent": conversation.agent.name} if conversation.agent else {}
    transition = conversations.move_owner(session, conversation, move)
    handoff = await repository.find_open_handoff(session, conversation.id)
    if handoff is not None:
        handoff.state = state
        handoff.ended_at = utc_now()
        handoff.resolution = resolution
        handoff.note = note
        await session.flush()
        handoff.packet = await build_packet(session, conversation, handoff, traits)
    _announce_queue(session, conversation, handoff)
    if transition.notice:
        conversations.notify_customer(session, conversation, traits, transition.notice, **values)
