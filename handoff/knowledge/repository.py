"""Every query on articles and their scores."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.knowledge.models import ArticleScore, KnowledgeArticle


async def find_article(session: AsyncSession, topic: str) -> KnowledgeArticle | None:
    return await session.get(KnowledgeArticle, topic)


async def list_articles(session: AsyncSession) -> list[KnowledgeArticle]:
    """Return all that have a text, by topic."""
    articles = await session.scalars(select(KnowledgeArticle).order_by(KnowledgeArticle.topic))
    return [article for article in articles if article.texts]


async def list_changed(session: AsyncSession, after: int, limit: int) -> Sequence[KnowledgeArticle]:
    """Return what has changed after a revision, the earliest change first; deleted ones have no texts."""
    return (
        await session.scalars(
            select(KnowledgeArticle)
            .where(KnowledgeArticle.revision > after)
            .order_by(KnowledgeArticle.revision)
            .limit(limit)
        )
    ).all()


async def next_revision(session: AsyncSession) -> int:
    """Return the number after the last. Two who take the same one: the column is unique, the second fails."""
    latest = await session.scalar(select(func.max(KnowledgeArticle.revision)))
    return (latest or 0) + 1


async def list_scores(session: AsyncSession) -> Sequence[ArticleScore]:
    return (
        await session.scalars(select(ArticleScore).order_by(ArticleScore.topic, ArticleScore.language))
    ).all()


async def get_score(session: AsyncSession, topic: str, language: str) -> ArticleScore:
    """Return the score to add to, locked; a new one where there is none."""
    score = await session.get(ArticleScore, (topic, language), with_for_update=True)
    if score is None:
        score = ArticleScore(topic=topic, language=language, helped=0, not_helped=0)
        session.add(score)
    return score
