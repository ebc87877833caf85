"""The shop's articles: `data/knowledge/topics.yml` and `data/knowledge/<language>/<area>.yml`.

An article answers one topic in one language. Its figures are placeholders (`{return_window}`) that the
market's facts fill in (data/shop.yml); where a fact decides between two answers, the article names it with
`by:`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from locales.languages import list_languages
from locales.markets import Market, default_language, get_market, list_markets, market_for

KNOWLEDGE_FOLDER = Path(__file__).resolve().parents[1] / "data" / "knowledge"
TOPICS_FILE = "topics.yml"

# An article without `by` has one answer, which is stored under this choice.
_ONLY = ""


class KnowledgeError(ValueError):
    """A file of the knowledge base is wrong; the text names the file and the topic."""


class UnknownTopicError(LookupError):
    """No article in any language answers the topic."""


@dataclass(frozen=True)
class Topic:
    """What is the same in all languages: the articles' file, and labels offered as buttons below them."""

    name: str
    area: str
    related: tuple[str, ...]


@dataclass(frozen=True)
class Article:
    """One topic's answer in one language. `answers` maps a choice of the fact `by` to a text."""

    topic: str
    language: str
    title: str
    questions: tuple[str, ...]
    by: str | None
    answers: dict[str, str]

    def answer_for(self, market: Market) -> str:
        """Return the text, placeholders included, that holds in the market.

        Raises:
            KnowledgeError: The market's choice has no answer.
        """
        if self.by is None:
            return self.answers[_ONLY]
        choice = market.facts.get(self.by, {}).get("choice")
        if choice not in self.answers:
            raise KnowledgeError(
                f"{self.topic} ({self.language}): no answer for {self.by}: {choice} in market {market.code}"
            )
        return self.answers[choice]


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
    """Every article of every language, checked when read."""

    def __init__(self, topics: dict[str, Topic], articles: dict[tuple[str, str], Article]) -> None:
        self._topics = topics
        self._articles = articles

    def list_topics(self) -> list[Topic]:
        """Return all topics, in the order of topics.yml."""
        return list(self._topics.values())

    def find_topic(self, topic: str) -> Topic | None:
        return self._topics.get(topic)

    def find_article(self, topic: str, language: str) -> Article | None:
        """Return the article in just that language, or None."""
        return self._articles.get((topic, language))

    def get_article(self, topic: str, language: str) -> Article:
        """Return the article in the language, or else in the shop's default language.

        Raises:
            UnknownTopicError: It is in neither.
        """
        article = self.find_article(topic, language) or self.find_article(topic, default_language())
        if article is None:
            raise UnknownTopicError(f"no article answers {topic!r} in {language!r} or {default_language()!r}")
        return article

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


def read_topics(file: Path) -> dict[str, Topic]:
    """Read topics.yml. Raises KnowledgeError."""
    entries = _read_yaml(file)
    if not isinstance(entries, dict):
        raise KnowledgeError(f"{file}: a mapping of topics is expected")
    topics = {}
    for name, entry in entries.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("area"), str):
            raise KnowledgeError(f"{file}: {name}: `area` is missing")
        topics[name] = Topic(name=name, area=entry["area"], related=tuple(entry.get("related") or ()))
    return topics


def read_articles(file: Path, language: str) -> list[Article]:
    """Read one file of articles. Raises KnowledgeError for what is no article or stands there twice."""
    entries = _read_yaml(file)
    if not isinstance(entries, list):
        raise KnowledgeError(f"{file}: a list of articles is expected")
    articles: dict[str, Article] = {}
    for entry in entries:
        article = _parse_article(file, language, entry)
        if article.topic in articles:
            raise KnowledgeError(f"{file}: {article.topic}: is there twice")
        articles[article.topic] = article
    return list(articles.values())


def load_knowledge(folder: Path = KNOWLEDGE_FOLDER, languages: Iterable[str] | None = None) -> KnowledgeBase:
    """Read and check the whole knowledge base.

    Args:
        folder: Holds topics.yml and one folder a language.
        languages: Tags to read; the shop's languages when None. One without a folder has no articles yet.

    Raises:
        KnowledgeError: An article has an unknown topic or placeholder, is in the wrong file, stands there
            twice, lacks an answer that some market needs, or the default language lacks a topic.
    """
    topics = read_topics(folder / TOPICS_FILE)
    tags = list(languages) if languages is not None else [language.tag for language in list_languages()]
    articles: dict[tuple[str, str], Article] = {}
    for tag in tags:
        for file in sorted((folder / tag).glob("*.yml")):
            for article in read_articles(file, tag):
                _check_article(file, article, topics)
                articles[article.topic, tag] = article
    missing = [name for name in topics if (name, default_language()) not in articles]
    if missing:
        raise KnowledgeError(f"{folder / default_language()}: no article for {', '.join(missing)}")
    return KnowledgeBase(topics, articles)


@lru_cache(maxsize=1)
def default_knowledge() -> KnowledgeBase:
    """Return the shop's knowledge base, read once a process. Raises KnowledgeError."""
    return load_knowledge()


def _read_yaml(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise KnowledgeError(f"{file}: {error}") from error


def _parse_article(file: Path, language: str, entry: Any) -> Article:
    if not isinstance(entry, dict) or not isinstance(entry.get("topic"), str):
        raise KnowledgeError(f"{file}: an article without `topic`")
    topic = entry["topic"]
    unknown = set(entry) - {"topic", "title", "questions", "answer", "by", "answers"}
    if unknown:
        raise KnowledgeError(f"{file}: {topic}: unknown keys {', '.join(sorted(unknown))}")
    if not isinstance(entry.get("title"), str) or not entry["title"].strip():
        raise KnowledgeError(f"{file}: {topic}: `title` is missing")
    if ("by" in entry) != ("answers" in entry) or ("answer" in entry) == ("answers" in entry):
        raise KnowledgeError(f"{file}: {topic}: either `answer`, or `by` with `answers`")
    answers = entry["answers"] if "answers" in entry else {_ONLY: entry["answer"]}
    if not isinstance(answers, dict) or not all(
        isinstance(text, str) and text.strip() for text in answers.values()
    ):
        raise KnowledgeError(f"{file}: {topic}: an answer is empty")
    return Article(
        topic=topic,
        language=language,
        title=entry["title"].strip(),
        questions=tuple(entry.get("questions") or ()),
        by=entry.get("by"),
        answers={str(choice): text.strip() for choice, text in answers.items()},
    )


def _check_article(file: Path, article: Article, topics: dict[str, Topic]) -> None:
    topic = topics.get(article.topic)
    if topic is None:
        raise KnowledgeError(f"{file}: {article.topic}: is no topic of {TOPICS_FILE}")
    if topic.area != file.stem:
        raise KnowledgeError(f"{file}: {article.topic}: belongs in {topic.area}.yml")
    for market in list_markets():
        try:
            text = article.answer_for(market)
        except KnowledgeError as error:
            raise KnowledgeError(f"{file}: {error}") from error
        for name in _placeholders(file, article, text):
            # A choice decides between answers and is never shown.
            if name not in market.facts or "choice" in market.facts[name]:
                raise KnowledgeError(
                    f"{file}: {article.topic}: {{{name}}} is no fact of market {market.code}"
                )


def _placeholders(file: Path, article: Article, text: str) -> list[str]:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise KnowledgeError(f"{file}: {article.topic}: {error}") from error
    return [name for _, name, _, _ in parts if name is not None]
