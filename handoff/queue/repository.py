"""Every query on handoffs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer, joinedload

from handoff.conversations.models import Conversation, Owner
from handoff.queue.models import Handoff, HandoffState

OPEN_STATES = (HandoffState.WAITING, HandoffState.TAKEN)


async def find_open_handoff(session: AsyncSession, conversation_id: uuid.UUID) -> Handoff | None:
    """Return the handoff that is waiting or in an agent's hands, if there is one."""
    return await session.scalar(
        select(Handoff)
        .where(Handoff.conversation_id == conversation_id, Handoff.state.in_(OPEN_STATES))
        .options(joinedload(Handoff.agent))
        .order_by(Handoff.created_at.desc())
        .limit(1)
    )


async def list_handoffs_of(session: AsyncSession, conversation_id: uuid.UUID) -> Sequence[Handoff]:
    return (
        await session.scalars(
            select(Handoff)
            .where(Handoff.conversation_id == conversation_id)
            .options(joinedload(Handoff.agent))
            .order_by(Handoff.created_at)
        )
    ).all()


def _in_order(state: HandoffState):  # type: ignore[no-untyped-def]
    return (
        select(Handoff)
        .where(Handoff.state == state)
        .options(
            joinedload(Handoff.conversation).joinedload(Conversation.contact),
            joinedload(Handoff.agent),
        )
        .order_by(Handoff.priority, Handoff.created_at)
    )


async def list_waiting(
    session: AsyncSession, limit: int = 200, *, with_packets: bool = True
) -> Sequence[Handoff]:
    """Return who waits, the most urgent and longest waiting first.

    Packets hold whole transcripts: who needs none of them (`list_facts`) should not have them read.
    """
    query = _in_order(HandoffState.WAITING).limit(limit)
    if not with_packets:
        query = query.options(defer(Handoff.packet, raiseload=True))
    return (await session.scalars(query)).all()


async def list_waiting_conversations(session: AsyncSession) -> Sequence[uuid.UUID]:
    """Return the conversations that wait, in the order in which they are served."""
    return (
        await session.scalars(
            select(Handoff.conversation_id)
            .where(Handoff.state == HandoffState.WAITING)
            .order_by(Handoff.priority, Handoff.created_at)
        )
    ).all()


async def find_last_arrival(session: AsyncSession, priority: int) -> datetime | None:
    """Return since when the last of those waits who wait with a priority; None when nobody does."""
    return await session.scalar(
        select(func.max(Handoff.created_at)).where(
            Handoff.state == HandoffState.WAITING, Handoff.priority == priority
        )
    )


async def list_taken(
    session: AsyncSession, agent_id: uuid.UUID | None = None, limit: int = 200
) -> Sequence[Handoff]:
    query = _in_order(HandoffState.TAKEN)
    if agent_id is not None:
        query = query.where(Handoff.agent_id == agent_id)
    return (await session.scalars(query.limit(limit))).all()


async def list_held(session: AsyncSession, limit: int = 200) -> list[tuple[Conversation, Handoff | None]]:
    """Return what agents have in hand, the longest held first; packets are not read.

    No handoff where an agent stepped in before version 0.2, which noted none.
    """
    rows = await session.execute(
        select(Conversation, Handoff)
        .outerjoin(
            Handoff, (Handoff.conversation_id == Conversation.id) & (Handoff.state == HandoffState.TAKEN)
        )
        .where(Conversation.owner == Owner.AGENT)
        .options(
            joinedload(Conversation.contact),
            joinedload(Conversation.agent),
            defer(Handoff.packet, raiseload=True),
        )
        .order_by(func.coalesce(Handoff.taken_at, Conversation.created_at))
        .limit(limit)
    )
    return [(conversation, handoff) for conversation, handoff in rows]


async def list_facts(
    session: AsyncSession, handoff_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[str, Any]]:
    """Return the facts of packets without reading the packets."""
    rows = await session.execute(
        select(Handoff.id, Handoff.packet["facts"].label("facts")).where(Handoff.id.in_(handoff_ids))
    )
    return {row.id: row.facts for row in rows}


async def count_ahead(session: AsyncSession, handoff: Handoff) -> int:
    """Return how many waiting handoffs are served before this one."""
    return int(
        await session.scalar(
            select(func.count(Handoff.id)).where(
                Handoff.state == HandoffState.WAITING,
                (Handoff.priority < handoff.priority)
                | ((Handoff.priority == handoff.priority) & (Handoff.created_at < handoff.created_at)),
            )
        )
        or 0
    )


async def measure_queue(session: AsyncSession) -> dict[int, tuple[int, datetime]]:
    """Return, for each priority that waits, how many wait and since when the first of them does."""
    rows = await session.execute(
        select(Handoff.priority, func.count(), func.min(Handoff.created_at))
        .where(Handoff.state == HandoffState.WAITING)
        .group_by(Handoff.priority)
    )
    return {priority: (count, oldest) for priority, count, oldest in rows}
