"""Every query on agents and their sessions."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.agents.models import Agent, AgentSession


async def find_agent_by_email(session: AsyncSession, email: str, *, lock: bool = False) -> Agent | None:
    query = select(Agent).where(Agent.email == email.strip().lower())
    return await session.scalar(query.with_for_update() if lock else query)


async def get_agent(session: AsyncSession, agent_id: uuid.UUID) -> Agent:
    """Return an agent. Raises sqlalchemy.exc.NoResultFound where there is none."""
    return await session.get_one(Agent, agent_id)


async def list_agents(session: AsyncSession, agent_ids: Collection[uuid.UUID]) -> Sequence[Agent]:
    """Return those of the accounts that are open, by name."""
    found = await session.scalars(
        select(Agent).where(Agent.id.in_(agent_ids), Agent.is_active).order_by(Agent.name)
    )
    return found.all()


async def count_agents(session: AsyncSession) -> int:
    return int(await session.scalar(select(func.count(Agent.id))) or 0)


async def find_session(session: AsyncSession, token_hash: str, now: datetime) -> AgentSession | None:
    """Return a session that has not run out, with its agent."""
    return await session.scalar(
        select(AgentSession).where(AgentSession.token_hash == token_hash, AgentSession.expires_at > now)
    )


async def delete_session(session: AsyncSession, token_hash: str) -> None:
    await session.execute(delete(AgentSession).where(AgentSession.token_hash == token_hash))


async def delete_expired_sessions(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(AgentSession).where(AgentSession.expires_at <= now))
