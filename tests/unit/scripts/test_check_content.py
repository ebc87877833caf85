"""The content checker finds what it is there to find."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from scripts.check_content.articles import _check_answers
from scripts.check_content.catalogues import _check_catalogue
from scripts.check_content.keys import check_keys
from scripts.check_content.messages import (
    MAX_ALIKENESS,
    Line,
    check_messages,
    check_script,
    find_repeats,
    fold,
    trigrams_of,
)

HEADER = r"""msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

"""


def _catalogue(body: str) -> Catalog:
    return read_po(io.BytesIO((HEADER + body).encode()), locale="it")


SOURCE = """msgid "a"
msgstr "Hello {name}"

msgid "b"
msgid_plural "b.other"
msgstr[0] "{count} day"
msgstr[1] "{count} days"
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{name}", "{nome}", "placeholders"),
        ('msgid "a"', '#, fuzzy\nmsgid "a"', "fuzzy"),
        ("Hello {name}", "", "empty"),
        ('msgid "a"', 'msgid "z"', "missing"),
        ("Hello {name}", "Hello {name", "expected '}'"),
    ],
)
def test_problem_in_a_catalogue_is_named(old: str, new: str, problem: str) -> None:
    problems = list(_check_catalogue(_catalogue(SOURCE), _catalogue(SOURCE.replace(old, new))))
    assert any(problem in found for found in problems), problems


def test_equal_catalogues_have_no_problem_and_one_may_do_without_the_number() -> None:
    other = SOURCE.replace('{count} day"', 'un giorno"')
    assert list(_check_catalogue(_catalogue(SOURCE), _catalogue(other))) == []


def test_typed_in_figure_and_unknown_fact_are_found() -> None:
    article = {"topic": "faq/x", "title": "X", "answer": "Within 30 days, {no_such_fact}."}
    problems = list(_check_answers(article, {"return_window"}, {"return_window"}))
    assert any("figure" in problem for problem in problems)
    assert any("no_such_fact" in problem for problem in problems)


def test_messages_are_compared_without_markup_case_and_punctuation() -> None:
    assert fold("Where is [48213](order_number)?!") == fold("where is 48213")
    assert fold("👍") == "👍"


def line(text: str, label: str = "greet", language: str | None = "it") -> Line:
    key = fold(text)
    return Line(Path("data/nlu/it/talk.yml"), label, language, text, key, trigrams_of(key))


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ("Dov'è il mio pacco?", "dov’è il mio pacco", "stands twice (track_order, faq/delivery_delayed)"),
        (
            "il pacco doveva arrivare ieri mattina e non si è visto nessuno",
            "il pacco doveva arrivare ieri mattina e non si è visto",
            "is nearly",
        ),
    ],
)
def test_message_that_repeats_another_is_named_with_both_labels(
    first: str, second: str, problem: str
) -> None:
    (found,) = find_repeats([line(first, "track_order"), line(second, "faq/delivery_delayed")])
    assert problem in found
    assert "track_order" in found
    assert "faq/delivery_delayed" in found


def test_short_messages_may_resemble_each_other() -> None:
    assert list(find_repeats([line("cambio taglia"), line("cambio taglie")])) == []


@pytest.mark.parametrize(
    ("language", "text", "label", "is_wrong"),
    [
        ("it", "dov'è il mio расco", "track_order", True),
        ("it", "dov'è il nº 3 della mia Ø20 cm?", "track_order", False),
        ("zh", "この注文はどこ", "track_order", True),
        ("zh", "我的 PayPal 订单", "track_order", False),
        ("ja", "注文はどこ、カバーの件", "track_order", False),
        ("he", "איפה ההזמנה", "track_order", False),
        ("he", "где мой заказ", "track_order", True),
        ("fr", "українською, будь ласка", "change_language", False),
    ],
)
def test_letters_of_another_script_are_found(language: str, text: str, label: str, is_wrong: bool) -> None:
    assert (
        any("another script" in found for found in check_script(language, [line(text, label, language)]))
        == is_wrong
    )


def test_too_many_romanised_messages_are_found() -> None:
    lines = [line(text, language="he") for text in ("איפה החבילה", "eifo ha havila", "lama ze lo higia")]
    assert any("Latin letters" in found for found in check_script("he", lines))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two labels in Italian, everything else missing."""
    for name, content in {
        "data/knowledge/topics.yml": {"faq/shipping_cost": {"area": "shipping", "related": []}},
        "bot/domain/talk.yml": {"intents": ["faq", "greet"]},
        "data/nlu/it/talk.yml": {
            "nlu": [
                {"intent": "greet", "metadata": {"language": "it"}, "examples": _examples("ciao da", 60)},
                {"intent": "farewell", "metadata": {"language": "it"}, "examples": "- addio\n"},
                {
                    "intent": "faq/shipping_cost",
                    "metadata": {"language": "it"},
                    "examples": "- quanto si paga di spedizione per Bari?\n",
                },
            ]
        },
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    for name, text in (
        ("dev", "Quanto si paga di spedizione per Bari"),
        ("inbox", "Ciao da ggg6 a tutti voi!"),
    ):
        measured = tmp_path / "tests" / "data" / name / "it.jsonl"
        measured.parent.mkdir(parents=True)
        measured.write_text(json.dumps({"text": text}) + "\n", encoding="utf-8")
    return tmp_path


def _examples(beginning: str, count: int) -> str:
    return "".join(
        f"- {beginning} {chr(97 + number % 26) * 3}{number} a tutti voi\n" for number in range(count)
    )


@pytest.mark.parametrize(
    "problem",
    [
        "data/nlu/it: farewell is no label",
        "data/nlu/it: faq/shipping_cost has 1 messages and needs 50",
        "data/nlu/it: out_of_scope has 0 messages and needs 300",
        "data/nlu/it: greet has 60 messages, faq/shipping_cost 1: out of balance",
        "it/talk.yml: 'quanto si paga di spedizione per Bari?' is a message to measure on",
        "it/talk.yml: 'ciao da ggg6 a tutti voi' is a message to measure on",
        f"data/nlu/it: the messages of greet are too alike (0.74, at most {MAX_ALIKENESS})",
        "data/nlu: languages are out of balance",
    ],
)
def test_problem_with_the_messages_is_named(project: Path, problem: str) -> None:
    assert any(found.startswith(problem) for found in check_messages(project).problems), check_messages(
        project
    )


def test_key_without_text_and_text_without_use_are_found(tmp_path: Path) -> None:
    code = tmp_path / "handoff" / "some.py"
    code.parent.mkdir()
    code.write_text('catalogue.text("service", "notice.no_such_thing", language)\n', encoding="utf-8")
    problems = list(check_keys(tmp_path))
    assert "handoff/some.py:1: no catalogue has 'notice.no_such_thing'" in problems
    assert "locales/en: nothing names 'utter_greet'" in problems
