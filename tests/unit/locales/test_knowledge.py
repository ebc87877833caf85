"""Reading articles, checking them, and filling in the market's figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from locales.articles import ONLY, Article, check_questions
from locales.knowledge import KnowledgeBase, KnowledgeError, Topic, UnknownTopicError, load_knowledge
from locales.markets import Market, get_market, list_markets

TOPICS = """
faq/return_policy: {area: returns, related: [faq/customs, request_human]}
faq/customs: {area: shipping}
"""
RETURNS = """
- topic: faq/return_policy
  title: Returns
  questions:
  - Can I send it back?
  answer: |-
    Within {return_window}, write to {support_email}.
"""
CHOICES = sorted({market.facts["duties"]["choice"] for market in list_markets()})
CUSTOMS = """
- topic: faq/customs
  title: Customs
  by: duties
  answers:
""" + "".join(f"    {choice}: Duties are {choice}.\n" for choice in CHOICES)


def write(folder: Path, **files: str) -> Path:
    (folder / "topics.yml").write_text(TOPICS)
    for name, content in files.items():
        language, area = name.split("_", 1)
        (folder / language).mkdir(exist_ok=True)
        (folder / language / f"{area}.yml").write_text(content)
    return folder


@pytest.fixture
def knowledge(tmp_path: Path) -> KnowledgeBase:
    italian = RETURNS.replace("Returns", "Resi").replace("Within", "Entro")
    return load_knowledge(
        write(tmp_path, en_returns=RETURNS, en_shipping=CUSTOMS, it_returns=italian), ["en", "it", "nl"]
    )


def test_figures_are_the_markets_in_the_readers_language(knowledge: KnowledgeBase) -> None:
    answer = knowledge.get_answer("faq/return_policy", "it", "IT")
    facts = get_market("IT").formatted("it")
    assert answer.text == f"Entro {facts['return_window']}, write to {facts['support_email']}."
    assert (answer.language, answer.title) == ("it", "Resi")
    assert answer.related == ("faq/customs", "request_human")


def test_market_follows_the_language_where_none_is_known(knowledge: KnowledgeBase) -> None:
    assert (
        get_market("IT").formatted("it")["return_window"]
        in knowledge.get_answer("faq/return_policy", "it", None).text
    )


@pytest.mark.parametrize("market", list_markets(), ids=lambda market: market.code)
def test_fact_picks_the_answer(knowledge: KnowledgeBase, market: Market) -> None:
    answer = knowledge.get_answer("faq/customs", "en", market.code)
    assert answer.text == f"Duties are {market.facts['duties']['choice']}."


def test_missing_language_gets_the_default_one_for_its_own_market(knowledge: KnowledgeBase) -> None:
    answer = knowledge.get_answer("faq/return_policy", "nl", "NL")
    assert (answer.language, answer.title) == ("en", "Returns")
    assert get_market("NL").formatted("en")["return_window"] in answer.text


def test_unknown_topic_is_told(knowledge: KnowledgeBase) -> None:
    with pytest.raises(UnknownTopicError, match="faq/none"):
        knowledge.get_answer("faq/none", "en", None)


@pytest.mark.parametrize(
    ("article", "complaint"),
    [
        (
            RETURNS.replace("{return_window}", "{window}"),
            r"returns\.yml:2: faq/return_policy \(en\): \{window\} is no fact",
        ),
        (RETURNS.replace("{return_window}", "{duties}"), r"\{duties\} is no fact"),
        (RETURNS.replace("{return_window}", "{}"), r"\{\} is no fact"),
        (RETURNS.replace("{return_window}", "{return_window"), "faq/return_policy"),
        (RETURNS.replace("faq/return_policy", "faq/unknown"), "faq/unknown: is no topic"),
        (RETURNS.replace("faq/return_policy", "faq/customs"), r"belongs in shipping\.yml"),
        (RETURNS + RETURNS, "faq/return_policy: is there twice"),
        (RETURNS.replace("title", "titel"), "unknown keys titel"),
        (RETURNS.replace("title: Returns", "title: ' '"), "`title` is missing"),
        (
            RETURNS.replace("answer: |-\n    Within", "answer: ''\n  questions: |-\n    Within"),
            "an answer is empty",
        ),
        (RETURNS + "  by: duties\n", "either `answer`, or `by` with `answers`"),
        ("topic: x", "a list of articles"),
        ("- [", "returns.yml"),
        ("- title: x", "without `topic`"),
    ],
)
def test_wrong_article_is_named_with_file_and_topic(tmp_path: Path, article: str, complaint: str) -> None:
    with pytest.raises(KnowledgeError, match=complaint):
        load_knowledge(write(tmp_path, en_returns=article, en_shipping=CUSTOMS), ["en"])


@pytest.mark.parametrize("choice", CHOICES)
def test_answer_that_a_market_needs_must_be_there(tmp_path: Path, choice: str) -> None:
    customs = CUSTOMS.replace(f"    {choice}:", "    other:")
    with pytest.raises(KnowledgeError, match=f"no answer for duties: {choice} in market"):
        load_knowledge(write(tmp_path, en_returns=RETURNS, en_shipping=customs), ["en"])


def test_default_language_must_have_every_topic(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no article for faq/customs"):
        load_knowledge(write(tmp_path, en_returns=RETURNS), ["en"])


def test_shops_own_articles_are_in_order_and_can_all_be_told() -> None:
    knowledge = load_knowledge()
    for topic in knowledge.list_topics():
        for language in ("en", "he", "vi", "it", "nl"):
            for market in ("GB", "IL", "VN", "IT", "NL"):
                answer = knowledge.get_answer(topic.name, language, market)
                assert "{" not in answer.text


def test_a_question_that_stands_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    customs = CUSTOMS.replace("  title: Customs\n", "  title: Customs\n  questions: ['can I send it back']\n")
    with pytest.raises(
        KnowledgeError, match=r"shipping\.yml:2: faq/customs: .*stands already.*returns\.yml:2"
    ):
        load_knowledge(write(tmp_path, en_returns=RETURNS, en_shipping=customs), ["en"])


def test_a_folder_that_is_no_language_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, en_returns=RETURNS, en_shipping=CUSTOMS, xx_returns=RETURNS)
    with pytest.raises(KnowledgeError, match="xx is no language"):
        load_knowledge(folder, ["en"])


def test_broken_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    broken = RETURNS.replace("  title: Returns", "  title: [Returns")
    with pytest.raises(KnowledgeError, match=r"returns\.yml:\d+: "):
        load_knowledge(write(tmp_path, en_returns=broken, en_shipping=CUSTOMS), ["en"])


def test_articles_written_later_come_beside_or_before_those_of_files(knowledge: KnowledgeBase) -> None:
    parking = Article("faq/parking", "en", "Parking", ("Where to park?",), None, {ONLY: "In front."})
    returns = Article("faq/return_policy", "it", "Resi nuovi", ("Nuovo?",), None, {ONLY: "Trenta giorni."})
    topics = [Topic("faq/parking", "", ("request_human",)), Topic("faq/return_policy", "", ())]
    merged = knowledge.with_articles(topics, [parking, returns])
    assert merged.get_answer("faq/parking", "nl", None).language == "en"
    assert merged.get_answer("faq/return_policy", "it", None).text == "Trenta giorni."
    # Its buttons stay those of topics.yml.
    assert merged.get_answer("faq/return_policy", "it", None).related == ("faq/customs", "request_human")
    assert knowledge.find_topic("faq/parking") is None
    check_questions(merged.list_articles())
    doubled = knowledge.with_articles(topics, [replace(parking, questions=("Can I send it back",))])
    with pytest.raises(KnowledgeError, match="stands already"):
        check_questions(doubled.list_articles())


def test_an_article_in_no_default_language_is_told_in_the_one_it_has(knowledge: KnowledgeBase) -> None:
    parking = Article("faq/parking", "it", "Parcheggio", ("Dove?",), None, {ONLY: "Davanti."})
    merged = knowledge.with_articles([Topic("faq/parking", "", ())], [parking])
    assert merged.get_answer("faq/parking", "nl", None).language == "it"
