"""The content checker finds what it is there to find."""

from __future__ import annotations

import io

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from scripts import check_content

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
    problems = list(check_content._check_catalogue(_catalogue(SOURCE), _catalogue(SOURCE.replace(old, new))))
    assert any(problem in found for found in problems), problems


def test_equal_catalogues_have_no_problem_and_one_may_do_without_the_number() -> None:
    other = SOURCE.replace('{count} day"', 'un giorno"')
    assert list(check_content._check_catalogue(_catalogue(SOURCE), _catalogue(other))) == []


def test_typed_in_figure_and_unknown_fact_are_found() -> None:
    article = {"topic": "faq/x", "title": "X", "answer": "Within 30 days, {no_such_fact}."}
    problems = list(check_content._check_answers(article, {"return_window"}, {"return_window"}))
    assert any("figure" in problem for problem in problems)
    assert any("no_such_fact" in problem for problem in problems)


def test_messages_are_compared_without_markup_case_and_punctuation() -> None:
    assert check_content.fold("Where is [48213](order_number)?!") == check_content.fold("where is 48213")
    assert check_content.fold("👍") == "👍"


def test_content_of_the_repository_is_in_order() -> None:
    assert check_content.main() == 0
