"""One article of the knowledge base: reading it from a file, and checking it.

An article answers one topic in one language. Its figures are placeholders (`{return_window}`) that the
market's facts fill in (data/shop.yml); where a fact decides between two answers, the article names it with
`by:`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

import yaml

from locales.markets import Market, list_markets

# An article without `by` has one answer, which is stored under this choice.
ONLY = ""

if TYPE_CHECKING:
    from yaml import SafeLoader as _SafeLoader
else:
    # libyaml reads a thousand articles in a second, Python's own reader in ten. Both are safe.
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE = "__line__"


class KnowledgeError(ValueError):
    """An article is wrong; the text names the file, the line and the topic, and says what to mend."""


@dataclass(frozen=True)
class Article:
    """One topic's answer in one language. `answers` maps a choice of the fact `by` to a text."""

    topic: str
    language: str
    title: str
    questions: tuple[str, ...]
    by: str | None
    answers: dict[str, str]
    where: str = ""
    """Where it was read, for error messages: "data/knowledge/it/orders.yml:12"."""

    def answer_for(self, market: Market) -> str:
        """Return the text, placeholders included, that holds in the market.

        Raises:
            KnowledgeError: The market's choice has no answer.
        """
        if self.by is None:
            return self.answers[ONLY]
        choice = market.facts.get(self.by, {}).get("choice")
        if choice not in self.answers:
            raise KnowledgeError(
                f"{self.topic} ({self.language}): no answer for {self.by}: {choice} in market {market.code}"
            )
        return self.answers[choice]


class _LineLoader(_SafeLoader):
    """Notes in each mapping the line where it begins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=True)
        return {**mapping, _LINE: node.start_mark.line + 1}


def _construct_mapping(loader: _LineLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node)


_LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def read_yaml(file: Path) -> Any:
    """Return what a file holds; every mapping in it has its line as well (`line_of`).

    Raises:
        KnowledgeError: It is missing or no YAML.
    """
    try:
        text = file.read_text(encoding="utf-8")
        return yaml.load(text, Loader=_LineLoader)  # noqa: S506  a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f":{mark.line + 1}" if mark else ""
        raise KnowledgeError(f"{file}{line}: {error.problem or error}") from error
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise KnowledgeError(f"{file}: {error}") from error


def line_of(entry: dict[Any, Any]) -> int:
    return int(entry.get(_LINE, 0))


def keys_of(entry: dict[Any, Any]) -> list[Any]:
    return [key for key in entry if key != _LINE]


def read_articles(file: Path, language: str) -> list[Article]:
    """Read one file of articles.

    Raises:
        KnowledgeError: It is no YAML, an entry is no article, or a topic stands there twice.
    """
    entries = read_yaml(file)
    if not isinstance(entries, list):
        raise KnowledgeError(f"{file}: a list of articles is expected")
    articles: dict[str, Article] = {}
    for entry in entries:
        article = _parse_article(file, language, entry)
        if article.topic in articles:
            raise KnowledgeError(f"{article.where}: {article.topic}: is there twice")
        articles[article.topic] = article
    return list(articles.values())


def _parse_article(file: Path, language: str, entry: Any) -> Article:
    if not isinstance(entry, dict) or not isinstance(entry.get("topic"), str):
        line = f":{line_of(entry)}" if isinstance(entry, dict) else ""
        raise KnowledgeError(f"{file}{line}: an article without `topic`")
    topic, where = entry["topic"], f"{file}:{line_of(entry)}"
    unknown = set(keys_of(entry)) - {"topic", "title", "questions", "answer", "by", "answers"}
    if unknown:
        raise KnowledgeError(f"{where}: {topic}: unknown keys {', '.join(sorted(map(str, unknown)))}")
    if not isinstance(entry.get("title"), str) or not entry["title"].strip():
        raise KnowledgeError(f"{where}: {topic}: `title` is missing")
    if ("by" in entry) != ("answers" in entry) or ("answer" in entry) == ("answers" in entry):
        raise KnowledgeError(f"{where}: {topic}: either `answer`, or `by` with `answers`")
    answers = entry["answers"] if "answers" in entry else {ONLY: entry["answer"]}
    if not isinstance(answers, dict) or not all(
        isinstance(answers[choice], str) and answers[choice].strip() for choice in keys_of(answers)
    ):
        raise KnowledgeError(f"{where}: {topic}: an answer is empty")
    questions = entry.get("questions") or ()
    if not isinstance(questions, (list, tuple)) or not all(
        isinstance(question, str) and question.strip() for question in questions
    ):
        raise KnowledgeError(f"{where}: {topic}: `questions` must be a list of texts")
    return Article(
        topic=topic,
        language=language,
        title=entry["title"].strip(),
        questions=tuple(question.strip() for question in questions),
        by=entry.get("by"),
        answers={str(choice): answers[choice].strip() for choice in keys_of(answers)},
        where=where,
    )


def check_article(article: Article) -> None:
    """Check that an article can be told in every market.

    Raises:
        KnowledgeError: It has an unknown placeholder, or lacks an answer that some market needs.
    """
    where = f"{article.where}: " if article.where else ""
    for market in list_markets():
        try:
            text = article.answer_for(market)
            names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        except ValueError as error:
            told = f"{error}" if isinstance(error, KnowledgeError) else f"{article.topic}: {error}"
            raise KnowledgeError(f"{where}{told}") from error
        for name in names:
            # A choice decides between answers and is never shown.
            if name not in market.facts or "choice" in market.facts[name]:
                raise KnowledgeError(
                    f"{where}{article.topic} ({article.language}): {{{name}}} is no fact of market "
                    f"{market.code}; data/shop.yml has the facts"
                )


def fold_question(question: str) -> str:
    """Return a question without what two spellings of it may differ in: case, signs, spaces."""
    plain = unicodedata.normalize("NFKC", question).casefold()
    return " ".join("".join(sign if sign.isalnum() else " " for sign in plain).split()) or plain.strip()


def make_article(topic: str, language: str, text: Mapping[str, Any], where: str = "") -> Article:
    """Return an article of one answer for every market, as the service's API takes and gives them.

    Args:
        topic: Its label.
        language: Its tag.
        text: `title`, `questions` and `answer`.
        where: For error messages.
    """
    questions, answers = tuple(text["questions"]), {ONLY: text["answer"]}
    return Article(topic, language, text["title"], questions, by=None, answers=answers, where=where)


Questions = dict[tuple[str, str], Article]


def check_questions(articles: Iterable[Article], others: Questions | None = None) -> Questions:
    """Check that no question stands twice in a language: which article would answer it?

    Args:
        articles: To be checked.
        others: What an earlier call returned: their questions count as well.

    Returns:
        The article of each language and folded question.

    Raises:
        KnowledgeError: One stands twice; the text names both places.
    """
    seen: Questions = {} if others is None else others
    for article in articles:
        for question in article.questions:
            key = article.language, fold_question(question)
            first = seen.get(key)
            if first is None:
                seen[key] = article
                continue
            other = f" ({first.where})" if first.where else ""
            raise KnowledgeError(
                f"{article.where or article.language}: {article.topic}: the question {question!r} stands "
                f"already under {first.topic}{other}"
            )
    return seen
