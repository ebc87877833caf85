"""A supervisor's article is answered within seconds by the running bot, and no longer once it is gone."""

from __future__ import annotations

import asyncio

import pytest

from locales import catalogue
from locales.markets import get_market
from tests.acceptance.test_conversation import ask
from tests.shop import Shop

ARTICLES = "/api/v1/knowledge/articles"
LIVE_WITHIN_S = 5.0
SHARPENING = {
    "texts": {
        "en": {
            "title": "Having knives sharpened",
            "questions": [
                "Do you sharpen kitchen knives?",
                "My knife has gone blunt, can you sharpen it?",
                "What does knife sharpening cost?",
            ],
            "answer": "Yes: bring your knives to any store, sharpening is free. Questions: {support_email}",
        }
    },
    "related": ["faq/store_locations"],
}


async def test_article_written_through_the_api_is_answered_and_stops(shop: Shop) -> None:
    agent = await shop.sign_in()
    # A customer for each try: two that are not understood in a row would go to a person.
    before = await shop.open_customer(language="en", market="GB")
    question = "can you sharpen my blunt kitchen knife?"
    assert "sharpening is free" not in await ask(before, question)

    written = await agent.post(ARTICLES, json=SHARPENING)
    assert written.status_code == 201, written.text
    topic = written.json()["topic"]
    await asyncio.sleep(LIVE_WITHIN_S - 1)
    english = await shop.open_customer(language="en", market="GB")
    told = await ask(english, question)
    assert "sharpening is free" in told
    assert "@" in told, "the fact is filled in"
    # In a language without the article it is offered at least, and told in English with a word of warning.
    italian = await shop.open_customer(language="it", market="IT")
    await ask(italian, "affilate i coltelli da cucina?")
    offered = [
        button
        for event in italian.events
        if event["kind"] == "message"
        for button in event["message"]["buttons"]
    ]
    assert f"label:{topic}" in [button["payload"] for button in offered]
    await italian.say(SHARPENING["texts"]["en"]["title"], payload=f"label:{topic}")
    told = await italian.hear("bot")
    notice = catalogue.text("bot", "utter_article_in_english", "it", language="inglese")
    assert told.startswith(notice)
    assert "sharpening is free" in told

    assert (await agent.delete(f"{ARTICLES}/{topic}")).status_code == 204
    await asyncio.sleep(LIVE_WITHIN_S - 1)
    after = await shop.open_customer(language="en", market="GB")
    assert "sharpening is free" not in await ask(after, question)


async def test_two_questions_in_one_message_are_both_answered(shop: Shop) -> None:
    customer = await shop.open_customer(language="en", market="GB")
    await customer.say("How long do I have to send something back? And which payment methods do you accept?")
    facts = get_market("GB").formatted("en")
    assert facts["return_window"] in await customer.hear("bot")
    assert facts["payment_methods"] in await customer.hear("bot")


@pytest.mark.parametrize(
    ("language", "greeting", "question"),
    [
        ("es", "hola buenas,", "se puede pagar a plazos?"),
        ("pt", "oi, boa noite!", "vcs parcelam no boleto?"),
    ],
)
async def test_a_question_behind_a_greeting_is_answered(
    shop: Shop, language: str, greeting: str, question: str
) -> None:
    answer = await ask(await shop.open_customer(language=language), question)
    assert await ask(await shop.open_customer(language=language), f"{greeting} {question}") == answer
    assert await ask(await shop.open_customer(language=language), greeting) != answer


async def test_an_answer_that_did_not_help_is_followed_by_others_and_then_by_a_person(shop: Shop) -> None:
    customer = await shop.open_customer(language="de", market="DE")
    await ask(customer, "was kostet der Versand?")
    button = catalogue.text("bot", "button.not_helped", "de")
    await customer.say(button, payload="feedback:not_helped")
    assert await customer.hear("bot") == catalogue.text("bot", "utter_not_helped", "de")
    await customer.say("nein")
    notice = await customer.hear("notice", timeout_s=15)
    assert notice == catalogue.text("service", "notice.handoff.low_confidence", "de")
    agent = await shop.sign_in()
    scores = (await agent.get(ARTICLES)).json()["scores"]
    mine = [score for score in scores if (score["topic"], score["language"]) == ("faq/shipping_cost", "de")]
    assert [score["not_helped"] for score in mine] == [1]


@pytest.mark.parametrize(
    ("language", "question", "words"),
    [
        ("en", "how much is delivery?", "that didn't help"),
        ("es", "¿cuánto cuesta el envío?", "no me ha servido"),
        ("pt", "quanto é o frete?", "não ajudou"),
        ("he", "כמה עולה משלוח?", "זה לא עזר לי"),
        ("vi", "phí ship bao nhiêu?", "không giúp được gì"),
        ("ja", "送料はいくらですか", "解決しませんでした"),
        ("ar", "كم سعر التوصيل؟", "ما ساعدني"),
    ],
)
async def test_that_an_answer_did_not_help_may_be_said_in_own_words(
    shop: Shop, language: str, question: str, words: str
) -> None:
    customer = await shop.open_customer(language=language)
    await ask(customer, question)
    assert await ask(customer, words) == catalogue.text("bot", "utter_not_helped", language)


@pytest.mark.parametrize(
    ("language", "question"), [("en", "how much is delivery?"), ("ja", "送料はいくらですか")]
)
async def test_thanks_right_after_an_article_count_for_it(shop: Shop, language: str, question: str) -> None:
    customer = await shop.open_customer(language=language)
    await ask(customer, question)
    await ask(customer, {"en": "thank you!", "ja": "ありがとうございます"}[language])
    agent = await shop.sign_in()
    scores = (await agent.get(ARTICLES)).json()["scores"]
    mine = [
        score for score in scores if (score["topic"], score["language"]) == ("faq/shipping_cost", language)
    ]
    assert [score["helped"] for score in mine] == [1]
