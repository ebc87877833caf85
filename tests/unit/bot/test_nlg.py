"""What the bot says, in the customer's language and formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActiveLoop, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.live_knowledge import live_knowledge
from bot.nlg import CatalogueGenerator, UnknownResponseError
from locales import catalogue
from locales.formatting import format_date, format_money
from locales.knowledge import default_knowledge
from locales.languages import list_languages
from locales.markets import get_market

DOMAIN = Domain.load(str(Path(__file__).parents[3] / "bot" / "domain"))


def message(
    label: str = "greet", decision: str = "answer", ranking: tuple[str, ...] = (), **language: Any
) -> UserUttered:
    parsed = {
        "language": {"chosen": "it", **language},
        "understanding": {
            "label": label,
            "decision": decision,
            "ranking": [{"label": name, "confidence": 0.3} for name in (label, *ranking)],
            "also": ["faq/return_cost"],
        },
    }
    metadata = {"language": language.pop("so_far", "it"), "market": language.pop("market", "IT")}
    return UserUttered("…", {"name": "x"}, [], parsed, metadata=metadata)


async def say(response: str, *events: Event, **values: Any) -> dict[str, Any]:
    generator = CatalogueGenerator(None, DOMAIN)
    tracker = DialogueStateTracker.from_events("c1", list(events) or [message()], DOMAIN.slots)
    return await generator.generate(response, tracker, "service", **values)


def payloads(said: dict[str, Any]) -> list[str]:
    return [button["payload"] for button in said.get("buttons", [])]


async def test_text_comes_from_the_catalogue_of_the_chosen_language() -> None:
    assert (await say("utter_thank"))["text"] == catalogue.text("bot", "utter_thank", "it")
    assert (await say("utter_thank", message(chosen="he")))["text"] == catalogue.text(
        "bot", "utter_thank", "he"
    )


async def test_buttons_have_titles_of_tasks_and_of_articles() -> None:
    said = await say("utter_help")
    titles = {button["payload"]: button["title"] for button in said["buttons"]}
    assert titles["label:track_order"] == catalogue.text("bot", "label.track_order", "it")
    assert (
        titles["label:faq/shipping_time"] == default_knowledge().get_article("faq/shipping_time", "it").title
    )


async def test_article_answers_with_related_topics_below() -> None:
    said = await say("utter_answer", message("faq/return_policy"))
    answer = default_knowledge().get_answer("faq/return_policy", "it", "IT")
    assert (said["text"], said["topic"]) == (answer.text, "faq/return_policy")
    assert payloads(said) == [*(f"label:{label}" for label in answer.related), "feedback:not_helped"]
    assert said["buttons"][-1]["title"] == catalogue.text("bot", "button.not_helped", "it")


async def test_in_the_middle_of_a_task_no_button_would_end_it() -> None:
    said = await say("utter_answer", ActiveLoop("track_order_form"), message("faq/return_policy"))
    assert "feedback:not_helped" not in payloads(said)


async def test_the_second_question_of_a_message_has_its_own_answer() -> None:
    said = await say("utter_also", message("track_order"))
    assert said["topic"] == "faq/return_cost"
    assert said["text"] == default_knowledge().get_answer("faq/return_cost", "it", "IT").text


def answered(topic: str) -> BotUttered:
    return BotUttered("…", metadata={"topic": topic})


async def test_no_after_an_article_offers_the_next_best() -> None:
    ranking = ("faq/return_cost", "greet", "track_order", "faq/exchange", "faq/refund_time")
    asked = message("faq/return_policy", ranking=ranking)
    said = await say("utter_denied", asked, answered("faq/return_policy"), message("deny"))
    assert said["text"] == catalogue.text("bot", "utter_not_helped", "it")
    assert payloads(said) == [
        "label:faq/return_cost",
        "label:track_order",
        "label:faq/exchange",
        "label:request_human",
    ]


async def test_what_goes_with_the_article_is_offered_before_what_was_hardly_meant() -> None:
    asked = message("faq/shipping_cost", ranking=("faq/return_cost", "faq/gift_card"))
    ranking = asked.parse_data["understanding"]["ranking"]
    for entry, confidence in zip(ranking, (0.96, 0.03, 0.001), strict=True):
        entry["confidence"] = confidence
    said = await say("utter_denied", asked, answered("faq/shipping_cost"), message("deny"))
    assert payloads(said) == [
        "label:faq/return_cost",
        *("label:faq/shipping_time", "label:faq/customs_duties"),
        "label:request_human",
    ]


async def test_a_person_is_offered_once() -> None:
    said = await say(
        "utter_denied", message("faq/order_change"), answered("faq/order_change"), message("deny")
    )
    assert payloads(said) == [
        "label:cancel_order",
        "label:change_delivery_address",
        "label:request_human",
    ]


async def test_what_helped_others_is_offered_first(monkeypatch: pytest.MonkeyPatch) -> None:
    worth = {"faq/exchange": 0.9}
    monkeypatch.setattr(live_knowledge(), "score_of", lambda topic, language: worth.get(topic, 0.5))
    asked = message("faq/return_policy", ranking=("faq/return_cost", "faq/exchange"))
    said = await say("utter_denied", asked, answered("faq/return_policy"), message("deny"))
    assert payloads(said)[:2] == ["label:faq/exchange", "label:faq/return_cost"]


async def test_a_second_no_hands_over() -> None:
    asked = message("faq/return_policy", ranking=("faq/return_cost",))
    said = await say(
        "utter_denied",
        asked,
        answered("faq/return_policy"),
        message("deny"),
        BotUttered("?"),
        message("deny"),
    )
    assert said == {"custom": {"handoff": {"reason": "low_confidence"}}}


async def test_no_to_nothing_asks_how_to_help() -> None:
    said = await say("utter_denied", message("greet"), BotUttered("!"), message("deny"))
    assert said["text"] == catalogue.text("bot", "utter_how_can_i_help", "it")


async def test_no_to_anything_else_is_a_goodbye() -> None:
    thanked = BotUttered("!", metadata={"utter_action": "utter_thank"})
    said = await say("utter_denied", message("thank"), thanked, message("deny"))
    assert said["text"] == catalogue.text("bot", "utter_goodbye", "it")


async def test_article_in_another_language_says_so_first(monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = live_knowledge().base
    find = knowledge.find_article
    monkeypatch.setattr(
        knowledge, "find_article", lambda topic, language: find(topic, language) if language == "en" else None
    )
    said = await say("utter_answer", message("faq/return_policy"))
    first, rest = said["text"].split("\n\n", 1)
    assert first == catalogue.text("bot", "utter_article_in_english", "it", language="inglese")
    assert rest == knowledge.get_answer("faq/return_policy", "en", "IT").text


async def test_raw_values_are_formatted_for_the_reader() -> None:
    values = {"order_number": "TM-48213", "date": {"date": "2026-11-24"}}
    said = await say("utter_order_status_shipped", **values)
    assert "TM-48213" in said["text"]
    from datetime import date

    assert format_date(date(2026, 11, 24), get_market("IT").locale_for("it")) in said["text"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"money": 1999, "currency": "EUR"}, format_money(1999, "EUR", "it_IT")),
        ({"money": 1999, "currency": "GBP"}, format_money(1999, "GBP", "it_IT")),
        ({"money": 1999}, format_money(1999, "EUR", "it_IT")),
        ({"list": ["BRT", "GLS"]}, "BRT e GLS"),
        (7, "7"),
    ],
)
async def test_typed_values_are_written_as_the_locale_does(value: object, shown: str) -> None:
    assert shown in (await say("utter_order_status_cancelled", order_number=value))["text"]


async def test_count_picks_the_plural() -> None:
    said = await say("utter_order_parcel_count", count=3)
    assert said["text"] == catalogue.plural("bot", "utter_order_parcel_count", "it", 3)


async def test_missing_value_is_an_error_and_not_a_sentence_with_braces() -> None:
    with pytest.raises(KeyError, match="order_number"):
        await say("utter_order_status_cancelled", other="x")


async def test_unknown_response_is_an_error() -> None:
    with pytest.raises(UnknownResponseError, match="utter_nothing"):
        await say("utter_nothing")


async def test_handoff_says_nothing_and_gives_the_reason() -> None:
    said = await say("utter_handoff_requested", message("request_human"))
    assert said == {"custom": {"handoff": {"reason": "requested"}}}


async def test_unsure_offers_the_three_likeliest_topics_and_a_person() -> None:
    ranking = ("greet", "faq/return_cost", "out_of_scope", "track_order", "faq/refund_time")
    said = await say("utter_unsure", message("faq/exchange", "clarify", ranking))
    assert said["text"] == catalogue.text("bot", "utter_clarify", "it")
    assert payloads(said) == [
        "label:faq/exchange",
        "label:faq/return_cost",
        "label:track_order",
        "label:request_human",
    ]


async def test_without_anything_to_offer_it_asks_for_other_words() -> None:
    said = await say("utter_unsure", message("greet", "clarify", ("thank",)))
    assert said["text"] == catalogue.text("bot", "utter_fallback", "it")


async def test_not_understood_asks_for_other_words() -> None:
    said = await say("utter_unsure", message("faq/exchange", "fallback"))
    assert said["text"] == catalogue.text("bot", "utter_fallback", "it")
    assert "label:request_human" in payloads(said)


async def test_not_understood_twice_hands_off() -> None:
    said = await say("utter_unsure", message("greet", "clarify"), message("greet", "fallback"))
    assert said["custom"]["handoff"]["reason"] == "low_confidence"
    assert "text" not in said


@pytest.mark.parametrize(("decision", "ranking"), [("clarify", ("thank",)), ("fallback", ("faq/exchange",))])
async def test_not_understood_inside_a_task_leaves_it_to_the_task(
    decision: str, ranking: tuple[str, ...]
) -> None:
    said = await say("utter_unsure", ActiveLoop("track_order_form"), message("greet", decision, ranking))
    assert said == {"text": catalogue.text("bot", "utter_task_unclear", "it")}


async def test_unsure_inside_a_task_offers_what_may_have_been_meant() -> None:
    ranking = ("faq/return_cost", "inform")
    said = await say(
        "utter_unsure", ActiveLoop("track_order_form"), message("faq/exchange", "clarify", ranking)
    )
    assert said["text"] == catalogue.text("bot", "utter_clarify", "it")
    assert payloads(said) == ["label:faq/exchange", "label:faq/return_cost", "label:request_human"]


async def test_message_in_an_unknown_language_is_told_which_ones_are_known() -> None:
    said = await say("utter_unsure", message("faq/exchange", "fallback", foreign=True))
    assert "Tiếng Việt" in said["text"]
    assert {"language:nl", "label:request_human"} < set(payloads(said))


async def test_language_asked_for_is_confirmed_in_it() -> None:
    said = await say("utter_language", message("change_language", chosen="en", asked="en", asked_now=True))
    assert said["text"] == catalogue.text("bot", "utter_language_changed", "en")


async def test_language_of_the_question_is_enough_of_an_answer() -> None:
    said = await say("utter_language", message("change_language", chosen="en", asked_now=False))
    assert said["text"] == catalogue.text("bot", "utter_language_changed", "en")


async def test_language_that_the_shop_does_not_speak_is_named_and_the_others_offered() -> None:
    said = await say("utter_language", message("change_language", unsupported="de", asked_now=False))
    assert "tedesco" in said["text"]
    assert {"title": "עברית", "payload": "language:he"} in said["buttons"]
    assert len(said["buttons"]) == len(list_languages())


async def test_unclear_wish_for_a_language_asks_which() -> None:
    said = await say("utter_language", message("change_language", asked_now=False))
    assert "Nederlands" in said["text"]
    assert "language:nl" in payloads(said)


async def test_labels_that_an_action_offers_become_buttons() -> None:
    said = await say("utter_thank", offer=["request_human"])
    assert payloads(said) == ["label:request_human"]


@pytest.mark.parametrize("response", sorted(name for name in DOMAIN.responses))
async def test_every_response_of_the_domain_can_be_said(response: str) -> None:
    values = {
        "order_number": "TM-1",
        "date": {"date": "2026-11-24"},
        "carrier": "BRT",
        "tracking_number": "1",
        "link": "https://t.example",
        "language": "de",
        "languages": {"list": ["a", "b"]},
        "number": "1",
    }
    if response == "utter_order_parcel_count":
        values["count"] = 2
    assert await say(response, message("faq/exchange", unsupported="de", asked_now=False), **values)
