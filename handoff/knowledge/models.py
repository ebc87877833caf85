"""Articles as supervisors wrote them, and what customers said of articles."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from handoff.clock import utc_now
from handoff.database import Base, UtcDateTime


class KnowledgeArticle(Base):
    """One topic in the languages that somebody wrote it in. A deleted one stays, without texts: the bots ask
    what has changed since the last revision they know.
    """

    __tablename__ = "knowledge_articles"

    topic: Mapped[str] = mapped_column(String(80), primary_key=True)
    """A label such as "faq/store_parking"."""
    texts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """By language: {"title", "questions", "answer"}."""
    related: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Labels offered as buttons below the answer."""
    revision: Mapped[int] = mapped_column(BigInteger, unique=True)
    """Of the whole knowledge base: the largest is the latest change."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    changed_by: Mapped[uuid.UUID | None] = mapped_column(Uuid, ForeignKey("agents.id"))


class ArticleScore(Base):
    """How an article does in one language: what customers said right after it."""

    __tablename__ = "article_scores"

    topic: Mapped[str] = mapped_column(String(80), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True)
    helped: Mapped[int] = mapped_column(Integer, default=0)
    """Thanked for."""
    not_helped: Mapped[int] = mapped_column(Integer, default=0)
    """"That didn't help", by button or in words."""
