"""Figures of an evaluation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.evaluation import (
    Example,
    MalformedLineError,
    measure,
    parse_examples,
    render_prediction,
    render_table,
)


def predicted(
    label: str, decision: str = "answer", language: str = "it", then: tuple[str, ...] = ()
) -> dict[str, Any]:
    ranking = [{"label": name, "confidence": 0.5} for name in (label, *then)]
    return {"label": label, "decision": decision, "language": language, "ranking": ranking, "confidence": 0.5}


def test_lines_may_have_more_keys_and_be_empty() -> None:
    lines = [json.dumps({"text": "ciao", "lang": "it", "expected": ["greet"], "style": "short"}), "", "  "]
    assert parse_examples(lines) == [Example("ciao", "it", ("greet",))]


def test_line_may_say_what_was_offered_before_it() -> None:
    line = json.dumps({"text": "ciao", "lang": "it", "expected": ["greet"], "offered": ["deny"]})
    assert parse_examples([line]) == [Example("ciao", "it", ("greet",), ("deny",))]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        '{"text": 1, "lang": "it", "expected": ["x"]}',
        '{"text": "a", "lang": "it", "expected": []}',
        '{"text": "a", "lang": "it", "expected": "greet"}',
        '{"text": "a", "expected": ["greet"]}',
        '{"text": "a", "lang": "it", "expected": ["greet"], "offered": "deny"}',
    ],
)
def test_bad_line_is_named_by_its_number(line: str) -> None:
    with pytest.raises(MalformedLineError, match="line 2: "):
        parse_examples(['{"text": "a", "lang": "it", "expected": ["greet"]}', line])


def test_figures_of_each_language_and_of_all() -> None:
    examples = [
        Example("a", "it", ("greet",)),
        Example("b", "it", ("faq/exchange", "faq/return_policy")),
        Example("c", "nl", ("out_of_scope",)),
        Example("d", "nl", ("out_of_scope",)),
    ]
    predictions = [
        predicted("greet"),
        predicted("thank", "clarify", then=("track_order", "faq/return_policy")),
        predicted("out_of_scope", language="nl"),
        predicted("faq/exchange"),
    ]
    italian, dutch, everything = measure(examples, predictions)
    assert (italian.name, italian.messages, italian.language) == ("it", 2, 1.0)
    assert (italian.top_1, italian.top_3, italian.answered, italian.precision) == (0.5, 1.0, 0.5, 1.0)
    assert italian.out_of_scope_recall is None
    assert (dutch.language, dutch.precision, dutch.out_of_scope_recall) == (0.5, 0.5, 0.5)
    assert (everything.messages, everything.answered) == (4, 0.75)


def test_out_of_scope_that_is_not_answered_counts_as_recognised() -> None:
    (figures, _) = measure([Example("x", "it", ("out_of_scope",))], [predicted("greet", "fallback")])
    assert figures.out_of_scope_recall == 1.0


def test_table_has_a_line_for_each_language_and_one_for_all() -> None:
    table = render_table(measure([Example("x", "it", ("greet",))], [predicted("greet")])).splitlines()
    assert [line.split()[0] for line in table] == ["language", "it", "all"]
    assert "100.0%" in table[1]
    assert table[1].endswith("–")


def test_prediction_is_written_in_the_documented_form() -> None:
    parsed = {
        "language": {"detected": "it", "confidence": 0.9, "words": 1},
        "understanding": {"label": "greet", "confidence": 1.0, "ranking": [], "decision": "answer"},
    }
    assert render_prediction("ciao", parsed) == {
        "text": "ciao",
        "language": "it",
        "language_confidence": 0.9,
        "label": "greet",
        "confidence": 1.0,
        "ranking": [],
        "decision": "answer",
    }
