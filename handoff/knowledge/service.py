"""Writing, changing and deleting articles. What is saved is right: the bots take it as it is."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.clock import utc_now
from handoff.knowledge import repository
from handoff.knowledge.errors import ArticleChangedError, InvalidArticleError, UnknownArticleError
from handoff.knowledge.models import KnowledgeArticle
from handoff.knowledge.schemas import ArticleText, ChangedArticle, Changes, NewArticle, ScoreView
from locales import catalogue
from locales.articles import KnowledgeError, check_article, check_questions, make_article
from locales.knowledge import Topic, default_knowledge
from locales.languages import find_language, list_languages
from locales.markets import default_language

# Articles that the bot is told of at once.
_CHANGES_AT_ONCE = 200
_LONGEST_NAME = 60


async def save_article(session: AsyncSession, new: NewArticle, agent_id: uuid.UUID) -> KnowledgeArticle:
    """Write an article, or change one in the languages given.

    Raises:
        InvalidArticleError: A language or placeholder is unknown, or a question is another article's.
        ArticleChangedError: Another supervisor saved one in the same moment.
    """
    for tag in new.texts:
        language = find_language(tag)
        if language is None or language.tag != tag:
            known = ", ".join(language.tag for language in list_languages())
            raise InvalidArticleError(f"{tag!r} is no language of this shop: {known}")
    others = await repository.list_articles(session)
    topic = new.topic or _name_topic(new.texts, {article.topic for article in others})
    article = await repository.find_article(session, topic) or KnowledgeArticle(
        topic=topic, texts={}, related=[]
    )
    article.texts = {
        **article.texts,
        **{tag: text.model_dump() for tag, text in new.texts.items()},
    }
    article.related = list(new.related) or article.related
    _check([*(other for other in others if other.topic != topic), article])
    await _number(session, article, agent_id)
    return article


async def delete_article(
    session: AsyncSession, topic: str, language: str | None, agent_id: uuid.UUID
) -> KnowledgeArticle:
    """Take an article away, in one language or in all. Where a file has the topic, its text counts again.

    Raises:
        UnknownArticleError: There is none, or not in this language.
        ArticleChangedError: Another supervisor saved one in the same moment.
    """
    article = await repository.find_article(session, topic)
    if article is None or not article.texts or (language and language not in article.texts):
        raise UnknownArticleError(f"no article {topic} in {language or 'any language'}")
    article.texts = {tag: text for tag, text in article.texts.items() if language and tag != language}
    await _number(session, article, agent_id)
    return article


async def list_changes(session: AsyncSession, after: int, *, with_scores: bool) -> Changes:
    """Return what a bot that knows a revision has to learn. A revision that never was: everything."""
    latest = await repository.next_revision(session) - 1
    # A bot may remember more than a database that was set back.
    start = after if after <= latest else 0
    changed = await repository.list_changed(session, start, _CHANGES_AT_ONCE)
    scores = await repository.list_scores(session) if with_scores else None
    return Changes(
        revision=changed[-1].revision if changed else latest,
        articles=[
            ChangedArticle(topic=article.topic, texts=_texts(article), related=article.related)
            for article in changed
        ],
        scores=None if scores is None else [ScoreView.model_validate(score) for score in scores],
        more=len(changed) == _CHANGES_AT_ONCE,
    )


def _texts(article: KnowledgeArticle) -> dict[str, ArticleText]:
    return {tag: ArticleText(**text) for tag, text in article.texts.items()}


async def _number(session: AsyncSession, article: KnowledgeArticle, agent_id: uuid.UUID) -> None:
    article.revision = await repository.next_revision(session)
    article.changed_at, article.changed_by = utc_now(), agent_id
    session.add(article)
    try:
        await session.flush()
    except IntegrityError as error:
        raise ArticleChangedError(str(error)) from error


def _name_topic(texts: dict[str, ArticleText], taken: Iterable[str]) -> str:
    """Return a label made from the title, in English if there is one; another than those that are taken."""
    text = texts.get(default_language()) or next(iter(texts.values()))
    plain = unicodedata.normalize("NFKD", text.title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[: _LONGEST_NAME - 4].strip("_") or "article"
    used = {*taken, *(topic.name for topic in default_knowledge().list_topics())}
    numbered = (f"faq/{name}{suffix}" for suffix in ("", *(f"_{number}" for number in range(2, 1000))))
    return next(topic for topic in numbered if topic not in used)


def _check(articles: Iterable[KnowledgeArticle]) -> None:
    """Check all that supervisors wrote, the new one last, together with the files."""
    topics, read = [], []
    for article in articles:
        topics.append(Topic(article.topic, "", tuple(article.related)))
        read += [make_article(article.topic, tag, text) for tag, text in article.texts.items()]
    merged = default_knowledge().with_articles(topics, read)
    try:
        for one in read:
            check_article(one)
        check_questions(merged.list_articles())
    except KnowledgeError as error:
        raise InvalidArticleError(str(error)) from error
    for label in topics[-1].related:
        if not merged.find_topic(label) and not _is_task(label):
            raise InvalidArticleError(f"related: {label!r} is neither an article nor a task")


def _is_task(label: str) -> bool:
    try:
        catalogue.text("bot", f"label.{label}", default_language())
    except catalogue.MissingTextError:
        return False
    return True


async def note_opinion(session: AsyncSession, topic: str, language: str, *, helped: bool) -> None:
    """Remember that a customer said, right after an article, whether it helped."""
    score = await repository.get_score(session, topic, language)
    if helped:
        score.helped += 1
    else:
        score.not_helped += 1
