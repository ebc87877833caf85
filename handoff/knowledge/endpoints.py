"""The supervisors' API of the knowledge base, and the one that the bots ask what has changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from handoff.agents.endpoints import CurrentAgent
from handoff.agents.models import Role
from handoff.agents.service import SignedIn
from handoff.context import Services, get_services
from handoff.errors import ForbiddenError, UnauthorizedError
from handoff.knowledge import repository, service
from handoff.knowledge.models import KnowledgeArticle
from handoff.knowledge.schemas import ArticleText, ArticleView, Changes, KnowledgeView, NewArticle, ScoreView
from telemetry.metrics import has_token

router = APIRouter(prefix="/api/v1/knowledge/articles", tags=["knowledge"])
internal = APIRouter(prefix="/internal/v1/knowledge", include_in_schema=False)

MAX_REVISION = 2**63 - 1

InServices = Annotated[Services, Depends(get_services)]


async def get_current_supervisor(current: CurrentAgent) -> SignedIn:
    """Return who calls. Raises ForbiddenError for an agent who is no supervisor."""
    if current.agent.role is Role.AGENT:
        raise ForbiddenError(f"{current.agent.email} is no supervisor")
    return current


CurrentSupervisor = Annotated[SignedIn, Depends(get_current_supervisor)]


def _view(article: KnowledgeArticle) -> ArticleView:
    return ArticleView(
        topic=article.topic,
        texts={tag: ArticleText(**text) for tag, text in article.texts.items()},
        related=article.related,
        revision=article.revision,
        changed_at=article.changed_at,
    )


@router.get("")
async def list_articles(current: CurrentAgent, services: InServices) -> KnowledgeView:
    """The articles that supervisors wrote, and how every article does."""
    async with services.database.reading() as session:
        return KnowledgeView(
            articles=[_view(article) for article in await repository.list_articles(session)],
            scores=[ScoreView.model_validate(score) for score in await repository.list_scores(session)],
        )


@router.post("", status_code=201)
async def save_article(body: NewArticle, current: CurrentSupervisor, services: InServices) -> ArticleView:
    """Write an article, or change it in the languages given. The bot answers with it within seconds."""
    async with services.database.transaction() as session:
        return _view(await service.save_article(session, body, current.agent.id))


@router.delete("/{topic:path}", status_code=204)
async def delete_article(
    topic: str,
    current: CurrentSupervisor,
    services: InServices,
    language: Annotated[str | None, Query(max_length=8)] = None,
) -> Response:
    """Take an article away, in one language or in all. Where a file has the topic, its text counts again."""
    async with services.database.transaction() as session:
        await service.delete_article(session, topic, language, current.agent.id)
    return Response(status_code=204)


@internal.get("/changes")
async def list_changes(
    request: Request,
    services: InServices,
    after: Annotated[int, Query(ge=0, le=MAX_REVISION)] = 0,
    scores: bool = False,
) -> Changes:
    """What has changed after a revision, for the bots."""
    secret = services.settings.internal_secret.get_secret_value()
    if not has_token(request.headers.get("authorization"), secret):
        raise UnauthorizedError("wrong internal secret")
    async with services.database.reading() as session:
        return await service.list_changes(session, after, with_scores=scores)
