"""Reads the training messages of `data/nlu/<language>/<area>.yml`.

Needs neither Rasa nor torch: the encoder's training, the evaluation and the tests read the messages through
this module, while Rasa itself imports the same files with its own reader.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# What is left out to measure how far messages in the other languages carry.
HELD_OUT_LANGUAGE = "it"

NLU_FOLDER = Path(__file__).resolve().parents[1] / "data" / "nlu"

# Rasa's two notations: [48213](order_number) and [English]{"entity": "language", "value": "en"}.
_MARKUP = re.compile(r"\[(?P<text>[^\]]+)\](?:\((?P<entity>[^)]+)\)|(?P<fields>\{[^}]+\}))")


# libyaml reads the messages of twelve languages in a second, Python's own reader in twelve. Both are safe.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TrainingDataError(ValueError):
    """A file of training messages cannot be read; the text names the file and the block."""


@dataclass(frozen=True)
class TrainingEntity:
    """A marked part of a message: `text[start:end]` of the plain text, and what it stands for."""

    entity: str
    start: int
    end: int
    value: str


@dataclass(frozen=True)
class TrainingMessage:
    """One message as the customer would type it, and what it means."""

    text: str
    entities: tuple[TrainingEntity, ...]
    label: str
    language: str | None
    """What it is written in, by the block's metadata; None: a language that the shop does not answer in."""
    author: str


def parse_markup(line: str) -> tuple[str, tuple[TrainingEntity, ...]]:
    """Return the plain text of a line with Rasa's entity markup, and its entities.

    Raises:
        ValueError: The fields in braces are no JSON object with an `entity`.
    """
    plain = ""
    copied = 0
    entities = []
    for match in _MARKUP.finditer(line):
        plain += line[copied : match.start()]
        start = len(plain)
        plain += match["text"]
        copied = match.end()
        fields = {"entity": match["entity"]} if match["entity"] else json.loads(match["fields"])
        if "entity" not in fields:
            raise ValueError(f"no entity named in {match.group()}")
        value = str(fields.get("value", match["text"]))
        entities.append(TrainingEntity(fields["entity"], start, len(plain), value))
    return plain + line[copied:], tuple(entities)


def _read_block(block: dict[str, Any]) -> list[TrainingMessage]:
    metadata = block.get("metadata") or {}
    # "Do you speak English?" is asked in English in a Hebrew chat: such a block names its own language.
    language = metadata.get("language")
    if not metadata.get("author"):
        raise ValueError("metadata.author is missing")
    examples = block.get("examples")
    if not isinstance(examples, str):
        raise ValueError("examples must be a block of text (examples: |)")
    messages = []
    for line in examples.splitlines():
        if not line.strip():
            continue
        if not line.startswith("- "):
            raise ValueError(f"a message must start with '- ': {line!r}")
        text, entities = parse_markup(line[2:].strip())
        messages.append(TrainingMessage(text, entities, block["intent"], language, metadata["author"]))
    return messages


def read_messages(path: Path) -> list[TrainingMessage]:
    """Return the messages of one file, in its order; blocks that are no intents (synonyms) are passed over.

    Raises:
        TrainingDataError: The file is no such YAML, or a block lacks its author or messages.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506
    except yaml.YAMLError as error:
        raise TrainingDataError(f"{path}: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("nlu"), list):
        raise TrainingDataError(f"{path}: no list under `nlu`")
    messages = []
    for position, block in enumerate(content["nlu"], start=1):
        if "intent" not in block:
            continue
        try:
            messages += _read_block(block)
        except ValueError as error:
            raise TrainingDataError(f"{path}: block {position} ({block['intent']}): {error}") from error
    return messages


def list_languages(folder: Path = NLU_FOLDER) -> list[str]:
    """Return the languages that have training messages, sorted."""
    return sorted({path.parent.name for path in folder.glob("*/*.yml")})


def list_messages(folder: Path = NLU_FOLDER) -> list[TrainingMessage]:
    """Return every training message of every language, in a stable order (language, file, line).

    Raises:
        TrainingDataError: A file cannot be read, or there is none.
    """
    paths = sorted(folder.glob("*/*.yml"))
    if not paths:
        raise TrainingDataError(f"{folder}: no training messages (<language>/<area>.yml)")
    return [message for path in paths for message in read_messages(path)]


def author_number(author: str) -> int:
    """Return the number at the end of an author's name ("it-2" is 2), or 0: one fold of every language."""
    number = re.search(r"\d+$", author)
    return int(number[0]) if number else 0


def last_authors(messages: Iterable[TrainingMessage]) -> set[str]:
    """Return the author of every language with the highest number ("it-5"); none where it has one author.

    An author's language is the one that most of the messages are in: a few may be in another ("in English,
    please", said to an Italian shop).
    """
    spoken: dict[str, Counter[str]] = defaultdict(Counter)
    for message in messages:
        if message.language:
            spoken[message.author][message.language] += 1
    authors: dict[str, list[str]] = defaultdict(list)
    for author, languages in spoken.items():
        authors[languages.most_common(1)[0][0]].append(author)
    return {max(names, key=author_number) for names in authors.values() if len(names) > 1}
