"""What the knowledge base's API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from handoff.conversations.text import NO_NUL

TOPIC_PATTERN = r"^faq/[a-z0-9_]{1,60}$"

Language = Annotated[str, Field(max_length=8)]
Question = Annotated[str, Field(min_length=2, max_length=300, pattern=NO_NUL)]


class ArticleText(BaseModel):
    """An article in one language. Figures of the shop are placeholders, `{return_window}`; literal braces are
    doubled.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: str = Field(min_length=2, max_length=120, pattern=NO_NUL)
    questions: list[Question] = Field(min_length=1, max_length=30)
    """As customers would ask: the article is found by them."""
    answer: str = Field(min_length=2, max_length=4000, pattern=NO_NUL)


class NewArticle(BaseModel):
    """`texts` by language. Languages that are not given stay as they are."""

    model_config = ConfigDict(extra="forbid")

    topic: str | None = Field(default=None, pattern=TOPIC_PATTERN)
    """Left out, it is made from the title."""
    texts: dict[Language, ArticleText] = Field(min_length=1, max_length=50)
    related: list[Annotated[str, Field(max_length=80, pattern=r"^(faq/)?[a-z0-9_]+$")]] = Field(
        default_factory=list, max_length=6
    )


class ScoreView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    topic: str
    language: str
    helped: int
    not_helped: int


class ArticleView(BaseModel):
    topic: str
    texts: dict[str, ArticleText]
    related: list[str]
    revision: int
    changed_at: datetime


class KnowledgeView(BaseModel):
    """`articles`: those that supervisors wrote. `scores`: of all articles that customers spoke of."""

    articles: list[ArticleView]
    scores: list[ScoreView]


class ChangedArticle(BaseModel):
    """As the bot reads it; without texts the article is gone."""

    topic: str
    texts: dict[str, ArticleText]
    related: list[str]


class Changes(BaseModel):
    """What has changed after a revision, and all scores if asked for. `more`: ask again, there is more."""

    revision: int
    articles: list[ChangedArticle]
    scores: list[ScoreView] | None
    more: bool
