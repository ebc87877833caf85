"""Agents and their sessions."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column, relationship

from handoff.clock import utc_now
from handoff.database import Base, UtcDateTime, string_enum


class Role(enum.StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Agent(Base):
    __tablename__ = "agents"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    """Lower case: what the agent signs in with."""
    name: Mapped[str] = mapped_column(String(100))
    """What customers see."""
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(
        string_enum(Role),
        default=Role.AGENT,
    )
    language: Mapped[str] = mapped_column(String(8), default="en")
    """The console's language for this agent."""
    languages: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Languages the agent serves customers in."""
    is_active: Mapped[bool] = mapped_column(default=True)
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AgentSession(Base):
    """A signed-in browser or API client. The token itself is known only to it."""

    __tablename__ = "agent_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), index=True)
    agent: Mapped[Agent] = relationship(lazy="joined")
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
