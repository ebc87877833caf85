"""The articles: every topic in every language, every choice answered, figures by facts alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from locales.languages import list_languages
from locales.markets import list_markets
from scripts.check_content.catalogues import placeholders
from scripts.check_content.project import ROOT

TITLE_CHARACTERS = 40


def _articles(language: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((ROOT / "data" / "knowledge" / language).glob("*.yml")):
        for article in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            yield path, article


def check_articles() -> Iterator[str]:
    topics = yaml.safe_load((ROOT / "data" / "knowledge" / "topics.yml").read_text(encoding="utf-8"))
    facts = set.intersection(*(set(market.facts) for market in list_markets()))
    some_facts = set().union(*(market.facts for market in list_markets()))
    for language in list_languages():
        seen: set[str] = set()
        for path, article in _articles(language.tag):
            topic = article["topic"]
            where = f"{path.relative_to(ROOT)}: {topic}"
            if topic in seen:
                yield f"{where} stands twice"
            seen.add(topic)
            if topic not in topics:
                yield f"{where} is not in data/knowledge/topics.yml"
            elif topics[topic]["area"] != path.stem:
                yield f"{where} belongs into {topics[topic]['area']}.yml"
            if len(article["title"]) > TITLE_CHARACTERS:
                yield f"{where}: the title is longer than {TITLE_CHARACTERS} characters"
            yield from (f"{where}: {problem}" for problem in _check_answers(article, facts, some_facts))
        yield from (f"data/knowledge/{language.tag}: {topic} is missing" for topic in topics.keys() - seen)


def _check_answers(article: dict[str, Any], facts: set[str], some_facts: set[str]) -> Iterator[str]:
    answers: dict[str, str] = article.get("answers") or {"": article.get("answer", "")}
    if "by" in article:
        choices = {market.facts[article["by"]]["choice"] for market in list_markets()}
        if missing := choices - answers.keys():
            yield f"no answer for {article['by']}: {', '.join(sorted(missing))}"
    for choice, answer in answers.items():
        if not answer.strip():
            yield "an answer is empty"
        if re.search(r"\d", re.sub(r"\{[^}]*\}", "", answer)):
            yield "a figure is typed in: name a fact of data/shop.yml instead"
        # An answer that only some markets give may name what only they have.
        known = some_facts if choice else facts
        if unknown := placeholders(answer) - known:
            yield f"unknown facts {sorted(unknown)}"
