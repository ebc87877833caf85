"""What the bot does in a conversation: rules, form, languages, giving up."""

from __future__ import annotations

from datetime import date

import pytest

from locales import catalogue
from locales.formatting import format_date
from locales.knowledge import default_knowledge
from locales.markets import get_market
from tests.integration.bot.conftest import Bot, Customer, FakeActions

# Like nothing that the small model of these tests has read.
UNCLEAR, UNCLEAR_TOO = "qwrtz plmk vbnh", "brzl krmpf"


def texts(answer: dict[str, object]) -> list[str]:
    return [reply["text"] for reply in answer["replies"]]  # type: ignore[attr-defined]


def said(key: str, language: str = "en", **values: str) -> str:
    return catalogue.text("bot", key, language, **values)


def payloads(answer: dict[str, object]) -> list[str]:
    return [button["payload"] for reply in answer["replies"] for button in reply["buttons"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "language", "key"),
    [
        ("good morning", "en", "utter_greet"),
        ("buongiorno", "it", "utter_greet"),
        ("thank you so much", "en", "utter_thank"),
        ("a presto", "it", "utter_goodbye"),
        ("what can you do", "en", "utter_help"),
        ("sei un robot", "it", "utter_bot_challenge"),
        ("tell me a joke", "en", "utter_out_of_scope"),
        ("yes please", "en", "utter_how_can_i_help"),
        ("no thanks", "en", "utter_goodbye"),
        ("b.may@mail.example", "it", "utter_inform"),
    ],
)
async def test_talk(bot: Bot, text: str, language: str, key: str) -> None:
    answer = await Customer(bot, language=language).say(text)
    assert texts(answer) == [said(key, language)]


async def test_topic_is_answered_by_its_article_for_the_market(bot: Bot) -> None:
    answer = await Customer(bot, language="it", market="NL").say("quanto costa la spedizione")
    (reply,) = answer["replies"]
    assert reply["topic"] == "faq/shipping_cost"
    assert reply["text"] == default_knowledge().get_answer("faq/shipping_cost", "it", "NL").text
    assert answer["understanding"]["decision"] == "answer"
    assert (
        answer["understanding"]["ranking"][0]["title"]
        == default_knowledge().get_article("faq/shipping_cost", "it").title
    )


async def test_yes_below_an_article_is_thanks_and_no_after_that_a_goodbye(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say("Return policy", payload="label:faq/return_policy")
    thanked = await customer.say("yes please")
    assert (thanked["understanding"]["label"], texts(thanked)) == ("thank", [said("utter_thank")])
    assert texts(await customer.say("no thanks")) == [said("utter_goodbye")]


async def test_pressed_button_is_understood_and_keeps_the_language(bot: Bot) -> None:
    customer = Customer(bot, language="it")
    answer = await customer.say("Return policy", payload="label:faq/return_policy")
    assert answer["understanding"]["label"] == "faq/return_policy"
    assert answer["understanding"]["confidence"] == 1
    assert answer["language"]["chosen"] == "it"
    assert answer["replies"][0]["topic"] == "faq/return_policy"


async def test_button_may_be_chosen_by_its_number_or_title(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    help_buttons = (await customer.say("what can you do"))["replies"][0]["buttons"]
    position = [button["payload"] for button in help_buttons].index("label:faq/return_policy") + 1
    assert (await customer.say(str(position)))["replies"][0]["topic"] == "faq/return_policy"
    await customer.say("what can you do")
    typed = await customer.say(help_buttons[-1]["title"].upper())
    assert typed["handoff"] == {"reason": "requested"}


# Order form


async def test_order_is_tracked_step_by_step(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    asked = await customer.say("where is my order")
    assert texts(asked) == [said("utter_ask_order_number")]
    assert (asked["task"], payloads(asked)) == ("track_order", ["order:TM-48213"])
    number = await customer.say("482")
    assert texts(number) == [said("utter_ask_email")]
    assert number["entities"] == [{"entity": "order_number", "value": "482"}]
    told = await customer.say("B.May@mail.example")
    day = format_date(date(2026, 11, 24), get_market("GB").locale_for("en"))
    assert texts(told) == [said("utter_order_status_shipped", order_number="482", date=day)]
    assert told["task"] is None
    assert told["slots"]["order_number"] == "482"
    assert told["slots"]["email"] == "b.may@mail.example"


async def test_order_number_out_of_the_blue_starts_the_task(bot: Bot) -> None:
    answer = await Customer(bot, language="en").say("#48213")
    assert answer["understanding"]["label"] == "inform"
    assert texts(answer) == [said("utter_ask_email")]
    both = await Customer(bot, language="en").say("48213 b.may@mail.example")
    assert "48213" in texts(both)[0]


async def test_button_with_an_order_is_its_number(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    answer = await customer.say("TM-48213", payload="order:TM-48213")
    assert answer["slots"]["order_number"] == "TM-48213"
    assert texts(answer) == [said("utter_ask_email")]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("thank you so much", "utter_thank"),
        ("what can you do", "utter_help"),
        ("are you a robot", "utter_bot_challenge"),
        ("tell me a joke", "utter_out_of_scope"),
        ("good morning", "utter_greet"),
    ],
)
async def test_talk_in_between_is_answered_and_the_question_asked_again(
    bot: Bot, text: str, key: str
) -> None:
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    answer = await customer.say(text)
    assert texts(answer) == [said(key), said("utter_ask_order_number")]
    assert answer["task"] == "track_order"


async def test_topic_in_between_is_answered_and_the_task_goes_on(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    answer = await customer.say("how much is delivery")
    assert [reply["topic"] for reply in answer["replies"]] == ["faq/shipping_cost", None]
    assert texts(await customer.say("48213")) == [said("utter_ask_email")]


async def ask_unclearly_in_a_task(bot: Bot) -> tuple[Customer, str]:
    """Return the customer and what the bot offers first."""
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    offered = await customer.say("how much")
    assert offered["understanding"]["decision"] == "clarify", "this test needs a message that is not clear"
    assert texts(offered) == [said("utter_clarify"), said("utter_ask_order_number")]
    assert offered["task"] == "track_order"
    return customer, payloads(offered)[0]


async def test_unclear_question_in_between_is_asked_back_about_and_the_task_goes_on(bot: Bot) -> None:
    customer, first = await ask_unclearly_in_a_task(bot)
    answer = await customer.say("yes please")
    assert f"label:{answer['understanding']['label']}" == first
    assert texts(answer)[-1] == said("utter_ask_order_number")
    assert texts(await customer.say("48213")) == [said("utter_ask_email")]


async def test_number_after_being_asked_back_is_the_number(bot: Bot) -> None:
    customer, _ = await ask_unclearly_in_a_task(bot)
    assert texts(await customer.say("48213")) == [said("utter_ask_email")]


async def test_turning_down_what_was_offered_in_between_leaves_the_task(bot: Bot) -> None:
    customer, _ = await ask_unclearly_in_a_task(bot)
    answer = await customer.say("no thanks")
    assert (texts(answer), answer["task"]) == ([said("utter_task_cancelled")], None)
    assert payloads(answer) == ["label:track_order", "label:request_human"]


async def test_unclear_twice_in_a_task_hands_off_and_asks_nothing_more(bot: Bot) -> None:
    customer, _ = await ask_unclearly_in_a_task(bot)
    answer = await customer.say(UNCLEAR)
    assert (answer["handoff"], texts(answer), answer["task"]) == ({"reason": "low_confidence"}, [], None)
    assert texts(await customer.say("good morning")) == [said("utter_greet")]


async def test_language_may_be_changed_in_between(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    answer = await customer.say("can we speak Italian")
    assert texts(answer) == [said("utter_language_changed", "it"), said("utter_ask_order_number", "it")]


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("never mind", "utter_task_cancelled", None),
        ("bye for now", "utter_goodbye", None),
        ("can I speak to a person", None, "requested"),
        ("worst service ever", None, "complaint"),
    ],
)
async def test_task_can_be_left(bot: Bot, text: str, key: str | None, reason: str | None) -> None:
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    answer = await customer.say(text)
    assert texts(answer) == ([said(key)] if key else [])
    assert answer["handoff"] == ({"reason": reason} if reason else None)
    assert answer["task"] is None
    assert texts(await customer.say("good morning")) == [said("utter_greet")]


# Giving up


async def test_person_is_asked_for(bot: Bot) -> None:
    answer = await Customer(bot, language="it").say("vorrei parlare con una persona")
    assert (answer["handoff"], answer["replies"]) == ({"reason": "requested"}, [])


async def test_complaint_goes_to_a_person(bot: Bot) -> None:
    answer = await Customer(bot, language="it").say("servizio pessimo")
    assert answer["handoff"] == {"reason": "complaint"}


async def test_two_failures_in_a_row_hand_off(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    first = await customer.say(UNCLEAR)
    assert first["understanding"]["decision"] != "answer"
    assert "label:request_human" in payloads(first)
    assert first["handoff"] is None
    second = await customer.say(UNCLEAR_TOO)
    assert (second["handoff"], second["replies"]) == ({"reason": "low_confidence"}, [])


async def test_understood_message_between_failures_starts_the_count_again(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say(UNCLEAR)
    await customer.say("how much is delivery")
    assert (await customer.say(UNCLEAR_TOO))["handoff"] is None


async def test_new_session_has_forgotten_why_the_bot_gave_up(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say(UNCLEAR)
    customer.sender_id = customer.sender_id.replace(".1", ".2")
    assert (await customer.say(UNCLEAR_TOO))["handoff"] is None


async def test_turning_down_every_choice_hands_off(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    offered = await customer.say("how is it")
    assert offered["understanding"]["decision"] == "clarify", "this test needs a message that is not clear"
    assert texts(offered) == [said("utter_clarify")]
    assert (await customer.say("no thanks"))["handoff"] == {"reason": "low_confidence"}


async def test_yes_to_the_choices_takes_the_likeliest(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    first = payloads(await customer.say("how is it"))[0]
    answer = await customer.say("yes please")
    assert f"label:{answer['understanding']['label']}" == first


async def test_yes_to_what_is_offered_in_place_of_an_answer_takes_the_first(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say("how much is delivery?")
    instead = await customer.say("that didn't help")
    assert texts(instead) == [said("utter_not_helped")]
    answer = await customer.say("yes please")
    assert f"label:{answer['understanding']['label']}" == payloads(instead)[0]
    # Below that answer a yes is thanks again, where nothing has been turned down since.
    assert (await customer.say("yes, got it"))["understanding"]["label"] == "thank"


async def test_yes_to_a_question_for_other_words_picks_nothing(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    assert (await customer.say("zxq vrr kkt"))["understanding"]["decision"] == "fallback"
    answer = await customer.say("yes please")
    assert (answer["understanding"]["label"], answer["handoff"]) == ("affirm", None)


# Languages


async def test_language_asked_for_by_name_stays_until_another_is(bot: Bot) -> None:
    customer = Customer(bot, language="it")
    changed = await customer.say("possiamo parlare in inglese")
    assert texts(changed) == [said("utter_language_changed", "en")]
    assert changed["language"]["asked"] == "en"
    kept = await customer.say("quanto costa la spedizione")
    assert kept["language"]["chosen"] == "en"
    assert kept["replies"][0]["text"] == default_knowledge().get_answer("faq/shipping_cost", "en", None).text
    back = await customer.say("Italiano", payload="language:it")
    assert (back["language"]["chosen"], texts(back)) == ("it", [said("utter_language_changed", "it")])


async def test_language_that_is_not_spoken_is_told_in_the_one_that_is(bot: Bot) -> None:
    answer = await Customer(bot, language="it").say("parli polacco")
    assert answer["language"]["chosen"] == "it"
    assert answer["language"]["asked"] is None
    assert "polacco" in texts(answer)[0]
    assert "language:he" in payloads(answer)


async def test_language_follows_the_customer(bot: Bot) -> None:
    customer = Customer(bot)
    assert (await customer.say("quanto costa la spedizione"))["language"]["chosen"] == "it"
    switched = await customer.say("how do returns work and what does shipping cost")
    assert switched["language"]["chosen"] == "en"
    for neutral in ("ok", "48213", "b.may@mail.example"):
        assert (await customer.say(neutral))["language"]["chosen"] == "en"


async def test_hint_decides_the_first_words_that_tell_nothing(bot: Bot, actions: FakeActions) -> None:
    answer = await Customer(bot, language_hint="he-IL").say("48213")
    assert answer["language"]["chosen"] == "he"
    assert texts(answer) == [said("utter_ask_email", "he")]
