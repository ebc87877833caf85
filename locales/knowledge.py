"""The shop's articles: `data/knowledge/topics.yml` and `data/knowledge/<language>/<area>.yml`, and those that
supervisors have written through the service's API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from locales.articles import (
    Article,
    KnowledgeError,
    check_article,
    check_questions,
    keys_of,
    line_of,
    read_articles,
    read_yaml,
)
from locales.languages import list_languages
from locales.markets import default_language, get_market, market_for

KNOWLEDGE_FOLDER = Path(__file__).resolve().parents[1] / "data" / "knowledge"
TOPICS_FILE = "topics.yml"


_TOPIC = "faq/"


class UnknownTopicError(LookupError):
    """No article in any language answers the topic."""


@dataclass(frozen=True)
class Topic:
    """What is the same in all languages: the articles' file, and labels offered as buttons below them."""

    name: str
    area: str
    """Name of the file, without ".yml"; "" for a topic that supervisors have added."""
    related: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a customer reads. `language` is the article's, which may not be the one asked for."""

    topic: str
    language: str
    title: str
    text: str
    related: tuple[str, ...]


@lru_cache(maxsize=256)
def _formatted_facts(market: str, language: str) -> dict[str, str]:
    # Babel takes a millisecond for all facts of a market; they change only with data/shop.yml.
    return get_market(market).formatted(language)


class KnowledgeBase:
    """Every article of every language, checked when read. Never changes: what has changed is another one."""

    def __init__(self, topics: Mapping[str, Topic], articles: Mapping[tuple[str, str], Article]) -> None:
        self._topics = dict(topics)
        self._articles = dict(articles)

    def with_articles(self, topics: Iterable[Topic], articles: Iterable[Article]) -> KnowledgeBase:
        """Return a knowledge base that has these as well, or instead of its own of that topic and language.

        They have to be right already (`check_article`, `check_questions`).
        """
        merged = {**self._articles, **{(article.topic, article.language): article for article in articles}}
        known = {**{topic.name: topic for topic in topics}, **self._topics}
        return KnowledgeBase(known, merged)

    def list_topics(self) -> list[Topic]:
        """Return all topics, in the order of topics.yml."""
        return list(self._topics.values())

    def find_topic(self, topic: str) -> Topic | None:
        return self._topics.get(topic)

    def list_articles(self) -> list[Article]:
        return list(self._articles.values())

    def find_article(self, topic: str, language: str) -> Article | None:
        """Return the article in just that language, or None."""
        return self._articles.get((topic, language))

    def get_article(self, topic: str, language: str) -> Article:
        """Return the article in the language, else in the shop's default language, else in any.

        Raises:
            UnknownTopicError: There is none.
        """
        for tag in (language, default_language(), *(known.tag for known in list_languages())):
            article = self.find_article(topic, tag)
            if article is not None:
                return article
        raise UnknownTopicError(f"no article answers {topic!r}")

    def get_answer(self, topic: str, language: str, market: str | None) -> Answer:
        """Return the answer to a topic as the customer reads it.

        Args:
            topic: A label such as "faq/return_policy".
            language: The conversation's language; the answer says which language it is really in.
            market: ISO 3166 code, or None for the language's home market.

        Raises:
            UnknownTopicError: No article answers the topic.
        """
        article = self.get_article(topic, language)
        # The market follows the customer's language even where the article is in another one.
        place = market_for(market, language)
        facts = _formatted_facts(place.code, article.language)
        return Answer(
            topic=topic,
            language=article.language,
            title=article.title,
            text=article.answer_for(place).format_map(facts),
            related=self._topics[topic].related,
        )


def is_topic(label: str) -> bool:
    """Return whether a label is answered by an article ("faq/return_policy"), be there one now or not."""
    return label.startswith(_TOPIC)


def read_topics(file: Path) -> dict[str, Topic]:
    """Read topics.yml. Raises KnowledgeError."""
    entries = read_yaml(file)
    if not isinstance(entries, dict):
        raise KnowledgeError(f"{file}: a mapping of topics is expected")
    topics = {}
    for name in keys_of(entries):
        entry = entries[name]
        if not isinstance(entry, dict) or not isinstance(entry.get("area"), str):
            line = f":{line_of(entry)}" if isinstance(entry, dict) else ""
            raise KnowledgeError(f"{file}{line}: {name}: `area` is missing")
        topics[name] = Topic(name=name, area=entry["area"], related=tuple(entry.get("related") or ()))
    return topics


def load_knowledge(folder: Path = KNOWLEDGE_FOLDER, languages: Iterable[str] | None = None) -> KnowledgeBase:
    """Read and check the whole knowledge base.

    Args:
        folder: Holds topics.yml and one folder a language.
        languages: Tags to read; the shop's languages when None. One without a folder has no articles yet.

    Raises:
        KnowledgeError: An article has an unknown topic or placeholder, is in the wrong file, stands there
            twice, lacks an answer that some market needs, a question stands twice in a language, a folder is
            no language, or the default language lacks a topic.
    """
    topics = read_topics(folder / TOPICS_FILE)
    tags = list(languages) if languages is not None else [language.tag for language in list_languages()]
    articles: dict[tuple[str, str], Article] = {}
    for tag in tags:
        for file in sorted((folder / tag).glob("*.yml")):
            for article in _read_checked(file, tag, *_stamp(file)):
                topic = topics.get(article.topic)
                if topic is None:
                    raise KnowledgeError(f"{article.where}: {article.topic}: is no topic of {TOPICS_FILE}")
                if topic.area != file.stem:
                    raise KnowledgeError(f"{article.where}: {article.topic}: belongs in {topic.area}.yml")
                articles[article.topic, tag] = article
    strange = [entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name not in tags]
    known = {language.tag for language in list_languages()}
    for name in strange:
        if name not in known and not name.startswith("."):
            raise KnowledgeError(f"{folder / name}: {name} is no language of locales/languages.yml")
    missing = [name for name in topics if (name, default_language()) not in articles]
    if missing:
        raise KnowledgeError(f"{folder / default_language()}: no article for {', '.join(missing)}")
    check_questions(articles.values())
    return KnowledgeBase(topics, articles)


def stamp_files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return by what a file of the knowledge base that has changed is known: time of writing, and size."""
    files = [folder / TOPICS_FILE, *folder.glob("*/*.yml")]
    return {file: _stamp(file) for file in files if file.exists()}


def _stamp(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=1024)
def _read_checked(file: Path, language: str, _changed_ns: int, _size: int) -> tuple[Article, ...]:
    # Read anew only when it has changed: the bot looks every second.
    articles = tuple(read_articles(file, language))
    for article in articles:
        check_article(article)
    return articles


@lru_cache(maxsize=1)
def default_knowledge() -> KnowledgeBase:
    """Return the shop's articles as the files had them at first use. Raises KnowledgeError."""
    return load_knowledge()
