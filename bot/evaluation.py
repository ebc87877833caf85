"""Figures of an evaluation: how often language and label were right, and how sure answers were."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

OUT_OF_SCOPE = "out_of_scope"
_OVERALL = "all"


class MalformedLineError(ValueError):
    """A line of the file is no example; the text names the line."""


@dataclass(frozen=True)
class Example:
    """A message, its language, and every label that a careful human would accept for it, the best first.

    `offered` has the labels that the bot has just offered (see bot.context); `deny` stands below an article.
    """

    text: str
    language: str
    expected: tuple[str, ...]
    offered: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """Shares of one language's messages, from 0 to 1; None where there is nothing to take a share of.

    `answered` is the share answered at all, `precision` how much of that was right, `out_of_scope_recall` the
    share of messages that have nothing to do with the shop and were not answered with a topic or a task.
    """

    name: str
    messages: int
    language: float | None
    top_1: float | None
    top_3: float | None
    answered: float | None
    precision: float | None
    out_of_scope_recall: float | None


def parse_examples(lines: Iterable[str]) -> list[Example]:
    """Read JSON lines `{"text", "lang", "expected": [...]}`, with or without `"offered": [...]`.

    Other keys and empty lines are passed over.

    Raises:
        MalformedLineError: A line is no JSON, or lacks one of the three.
    """
    return [_parse_example(line, number) for number, line in enumerate(lines, start=1) if line.strip()]


def _parse_example(line: str, number: int) -> Example:
    try:
        given = json.loads(line)
    except json.JSONDecodeError as error:
        raise MalformedLineError(f"line {number}: no JSON ({error})") from error
    if not isinstance(given, dict):
        raise MalformedLineError(f"line {number}: an object is expected")
    for key in ("text", "lang"):
        if not isinstance(given.get(key), str):
            raise MalformedLineError(f"line {number}: {key!r} must be a string")
    expected, offered = given.get("expected"), given.get("offered", [])
    if not _are_labels(expected) or not expected:
        raise MalformedLineError(f"line {number}: 'expected' must be a list of labels, one at least")
    if not _are_labels(offered):
        raise MalformedLineError(f"line {number}: 'offered' must be a list of labels")
    return Example(given["text"], given["lang"], tuple(expected), tuple(offered))


def _are_labels(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(label, str) for label in given)


def render_prediction(text: str, parse_data: dict[str, Any]) -> dict[str, Any]:
    """Return what the pipeline has made of a text, in the form of the output file."""
    language, understanding = parse_data["language"], parse_data["understanding"]
    return {
        "text": text,
        "language": language["detected"],
        "language_confidence": language["confidence"],
        **{key: understanding[key] for key in ("label", "confidence", "ranking", "decision")},
    }


def measure(examples: Sequence[Example], predictions: Sequence[dict[str, Any]]) -> list[Figures]:
    """Return the figures of each language, in order of first appearance, and of all together last."""
    pairs = list(zip(examples, predictions, strict=True))
    languages = list(dict.fromkeys(example.language for example in examples))
    rows = [_figures(name, [pair for pair in pairs if pair[0].language == name]) for name in languages]
    return [*rows, _figures(_OVERALL, pairs)]


def _figures(name: str, pairs: Sequence[tuple[Example, dict[str, Any]]]) -> Figures:
    answered = [pair for pair in pairs if pair[1]["decision"] == "answer"]
    out_of_scope = [prediction for example, prediction in pairs if OUT_OF_SCOPE in example.expected]
    return Figures(
        name=name,
        messages=len(pairs),
        language=_share(prediction["language"] == example.language for example, prediction in pairs),
        top_1=_share(_is_top(example, prediction, 1) for example, prediction in pairs),
        top_3=_share(_is_top(example, prediction, 3) for example, prediction in pairs),
        answered=_share(prediction["decision"] == "answer" for _, prediction in pairs),
        precision=_share(prediction["label"] in example.expected for example, prediction in answered),
        out_of_scope_recall=_share(
            prediction["decision"] != "answer" or prediction["label"] == OUT_OF_SCOPE
            for prediction in out_of_scope
        ),
    )


def _is_top(example: Example, prediction: dict[str, Any], count: int) -> bool:
    return any(entry["label"] in example.expected for entry in prediction["ranking"][:count])


def _share(hits: Iterable[bool]) -> float | None:
    counted = list(hits)
    return sum(counted) / len(counted) if counted else None


_HEADINGS = (
    "language",
    "messages",
    "language ok",
    "top-1",
    "top-3",
    "answered",
    "precision",
    "out-of-scope recall",
)


def render_table(rows: Sequence[Figures]) -> str:
    """Return the figures as a table for the terminal, in percent."""
    cells: list[tuple[str, ...]] = [_HEADINGS]
    for row in rows:
        shares = (row.language, row.top_1, row.top_3, row.answered, row.precision, row.out_of_scope_recall)
        cells.append(
            (row.name, str(row.messages), *("–" if share is None else f"{share:.1%}" for share in shares))
        )
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    )
