"""`make check`, the content: catalogues, articles and training messages say the same in every language.

Runs in .venv; prints every problem with its file and ends with 1 if there is one.
"""

import json
import re
import string
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from babel.messages.catalog import Catalog, Message

from locales import catalogue
from locales.languages import list_languages
from locales.markets import list_markets

ROOT = Path(__file__).resolve().parents[1]
MIN_MESSAGES = 15
TITLE_CHARACTERS = 40
SOURCE_LANGUAGE = "en"

_MARKUP = re.compile(r"\[([^\]]+)\](?:\([^)]+\)|\{[^}]+\})")


def placeholders(text: str) -> set[str]:
    """Return the names in braces. Raises ValueError on a brace that is not closed."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _strings(message: Message) -> list[str]:
    return (
        [message.string] if isinstance(message.string, str) else [text or "" for text in message.string or ()]
    )


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else str(message.id[0])


def check_catalogues() -> Iterator[str]:
    for domain in catalogue.DOMAINS:
        source = catalogue.read_catalogue(domain, SOURCE_LANGUAGE)
        for language in list_languages():
            path = catalogue.catalogue_path(domain, language.tag)
            where = path.relative_to(ROOT)
            if not path.exists():
                yield f"{where}: missing"
                continue
            yield from (
                f"{where}: {p}"
                for p in _check_catalogue(source, catalogue.read_catalogue(domain, language.tag))
            )


def _check_catalogue(source: Catalog, other: Catalog) -> Iterator[str]:
    wanted = {_key(message): message for message in source if message.id}
    found = {_key(message): message for message in other if message.id}
    yield from (f"{key} is missing" for key in wanted.keys() - found.keys())
    yield from (f"{key} is not in English" for key in found.keys() - wanted.keys())
    for key in wanted.keys() & found.keys():
        message = found[key]
        if message.fuzzy:
            yield f"{key} is fuzzy"
        texts = _strings(message)
        if not all(text.strip() for text in texts):
            yield f"{key} is empty"
        if message.pluralizable and len(texts) != other.num_plurals:
            yield f"{key} has {len(texts)} plural forms, the language has {other.num_plurals}"
        try:
            expected = set().union(*(placeholders(text) for text in _strings(wanted[key])))
            actual = set().union(*(placeholders(text) for text in texts))
        except ValueError as error:
            yield f"{key}: {error}"
            continue
        # A form for "one" may do without the number.
        if actual - expected or (expected - actual) - ({"count"} if message.pluralizable else set()):
            yield f"{key} has placeholders {sorted(actual)}, English {sorted(expected)}"


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


def fold(text: str) -> str:
    """Return a message as it is compared: no markup, case, accents, punctuation."""
    plain = unicodedata.normalize("NFC", _MARKUP.sub(r"\1", text)).casefold()
    return " ".join("".join(char if char.isalnum() else " " for char in plain).split()) or plain.strip()


def check_messages() -> Iterator[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for language in list_languages():
        dev = _dev_messages(language.tag)
        seen: dict[str, str] = {}
        for path in sorted((ROOT / "data" / "nlu" / language.tag).glob("*.yml")):
            where = path.relative_to(ROOT)
            for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
                for line in block["examples"].splitlines():
                    text = line.removeprefix("- ").strip()
                    key = fold(text)
                    if key in seen:
                        yield f"{where}: {text!r} stands twice ({seen[key]}, {block['intent']})"
                    if key in dev:
                        yield f"{where}: {text!r} is a dev message"
                    seen[key] = block["intent"]
                    counts[language.tag][block["intent"]] += 1
    labels = set().union(*counts.values())
    for tag, found in counts.items():
        for label in sorted(labels):
            if found[label] < MIN_MESSAGES:
                yield f"data/nlu/{tag}: {label} has {found[label]} messages and needs {MIN_MESSAGES}"


def _dev_messages(language: str) -> set[str]:
    path = ROOT / "tests" / "data" / "dev" / f"{language}.jsonl"
    if not path.exists():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    # One or two words ("ok", "no") are everybody's.
    return {key for key in (fold(json.loads(line)["text"]) for line in lines) if len(key.split()) > 2}


def main() -> int:
    problems = [*check_catalogues(), *check_articles(), *check_messages()]
    for problem in problems:
        print(problem)
    print(f"content: {len(problems)} problems" if problems else "content: in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
