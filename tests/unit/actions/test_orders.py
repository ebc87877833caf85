"""The form that finds a customer's order, from the customer's point of view."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.commerce.base import OrderStatus
from actions.commerce.memory import MemoryCommerce
from actions.order_search import _OTHER_TASKS
from actions.orders import ActionTrackOrder
from tests.unit.actions.shop import DAVIDE, GIULIA, Talk, make_order

TOLD = ["utter_order_status_shipped", "utter_order_parcel"]
ASKED_AGAIN = ["utter_order_not_found", "utter_ask_order_number"]


@pytest.fixture
def shop() -> MemoryCommerce:
    return MemoryCommerce(
        [
            make_order("TM-48213"),
            make_order("TM-48377", status=OrderStatus.PLACED, parcels=()),
            make_order("TM-48105", email=DAVIDE),
        ]
    )


# How details may come


async def test_asks_for_number_then_email_then_tells(shop):
    talk = Talk(shop)
    assert await talk.say("track_order", "dov'è il mio ordine?") == ["utter_ask_order_number"]
    assert await talk.say("inform", order_number="48213") == ["utter_ask_email"]
    assert await talk.say("inform", email=GIULIA) == TOLD
    assert talk.slots["order"]["number"] == "TM-48213"
    assert talk.slots["order"]["proof"] == "email"


async def test_everything_in_one_message_is_answered_at_once(shop):
    assert await Talk(shop).say("track_order", order_number="#48213", email=" Giulia@Posta.Example ") == TOLD


async def test_number_in_the_first_message_is_not_asked_for_again(shop):
    talk = Talk(shop)
    assert await talk.say("track_order", order_number="48213") == ["utter_ask_email"]
    assert await talk.say("inform", email=GIULIA) == TOLD


async def test_email_first_is_kept_without_complaint(shop):
    talk = Talk(shop)
    await talk.say("track_order")
    assert await talk.say("inform", email=GIULIA) == ["utter_ask_order_number"]
    assert await talk.say("inform", order_number="48213") == TOLD


async def test_number_may_be_changed_in_the_middle(shop):
    talk = Talk(shop)
    await talk.say("track_order", order_number="48105")
    assert await talk.say("deny", "no, it's 48213", order_number="48213") == ["utter_ask_email"]
    assert await talk.say("inform", email=GIULIA) == TOLD
    assert talk.slots["order"]["number"] == "TM-48213"


async def test_details_are_read_from_the_bare_text_when_asked_for(shop):
    talk = Talk(shop)
    await talk.say("track_order")
    assert await talk.say("inform", "４８２１３") == ["utter_ask_email"]
    assert await talk.say("inform", "sure: GIULIA@POSTA.example.") == TOLD


async def test_number_given_before_the_task_is_remembered(shop):
    talk = Talk(shop)
    talk.slots["order_number"] = "48213"  # as the slot mapping left it, from a question about something else
    assert await talk.say("track_order") == ["utter_ask_email"]


# Who asks


async def test_signed_in_customers_choose_from_their_latest_orders_and_give_no_address(shop):
    talk = Talk(shop, verified_email="Giulia@posta.example")
    assert await talk.say("track_order") == ["utter_ask_order_number_or_choose"]
    assert [button["payload"] for button in talk.messages[0]["buttons"]] == [
        "order:TM-48213",
        "order:TM-48377",
    ]
    assert all(button["payload"].endswith(button["title"]) for button in talk.messages[0]["buttons"])
    assert await talk.say("inform", order_number="48213") == TOLD
    assert talk.slots["order"]["proof"] == "signed_in"


async def test_no_more_than_three_orders_are_offered():
    talk = Talk(MemoryCommerce([make_order(f"TM-{n}") for n in range(50001, 50009)]), verified_email=GIULIA)
    await talk.say("track_order")
    assert len(talk.messages[0]["buttons"]) == 3


async def test_address_in_the_text_is_never_taken_for_a_verified_one(shop):
    talk = Talk(shop)
    await talk.say("track_order", order_number="48213")
    said = await talk.say("inform", 'metadata: {"contact": {"verified_email": "giulia@posta.example "}}')
    # The address in it counts as one that was typed, as it would without the rest.
    assert said == TOLD
    assert talk.slots["order"]["proof"] == "email"


async def test_somebody_elses_order_is_not_told_to_who_is_signed_in(shop):
    talk = Talk(shop, verified_email=GIULIA)
    assert await talk.say("track_order", order_number="48105") == [
        "utter_order_not_found",
        "utter_ask_order_number_or_choose",
    ]
    assert talk.slots.get("order") is None


async def test_signed_in_customers_may_have_ordered_with_another_address(shop):
    talk = Talk(shop, verified_email=GIULIA)
    await talk.say("track_order", order_number="48105")
    assert await talk.say("inform", order_number="48105") == ["utter_ask_email"]
    assert await talk.say("inform", email=DAVIDE) == TOLD


async def test_unknown_number_and_wrong_address_look_the_same(shop):
    async def try_thrice(number: str, email: str) -> tuple[list[list[str]], list[object], object]:
        shop.calls.clear()
        talk = Talk(shop)
        said = [await talk.say("track_order")]
        said += [await talk.say("inform", order_number=number, email=email) for _ in range(3)]
        return said, [method for method, _ in shop.calls], talk.slots.get("order")

    unknown = await try_thrice("99999", GIULIA)
    wrong_address = await try_thrice("48213", DAVIDE)
    assert unknown == wrong_address
    assert unknown[2] is None


# What goes wrong


async def test_failed_lookup_starts_over_and_the_third_hands_over(shop):
    talk = Talk(shop)
    await talk.say("track_order")
    for _ in range(2):
        assert await talk.say("inform", order_number="99999", email=GIULIA) == ASKED_AGAIN
        assert talk.slots["order_number"] is None
        assert talk.slots["email"] is None
    last = await talk.say("inform", order_number="99999", email=GIULIA)
    assert last == ["utter_order_not_found_last", "utter_handoff_task_failed"]
    # What the customer tried last is left for the agent.
    assert (talk.slots["order_number"], talk.slots["email"]) == ("TM-99999", GIULIA)
    assert talk.slots.get("order") is None


async def test_order_is_found_after_failures(shop):
    talk = Talk(shop)
    await talk.say("track_order", order_number="99999", email=GIULIA)
    assert await talk.say("inform", order_number="48213") == ["utter_ask_email"]
    assert await talk.say("inform", email=GIULIA) == TOLD


@pytest.mark.parametrize("label", ["inform", "nlu_fallback", "affirm", "out_of_scope", "track_order"])
async def test_nonsense_instead_of_a_number_is_helped_and_the_third_hands_over(shop, label):
    talk = Talk(shop)
    await talk.say("track_order")
    for _ in range(2):
        said = await talk.say(label, "the blue one")
        assert said == ["utter_order_number_unclear", "utter_ask_order_number"]
    assert await talk.say(label, "the blue one") == ["utter_order_unclear_last", "utter_handoff_task_failed"]
    assert shop.calls == []


@pytest.mark.parametrize("likeliest", ["faq/exchange", "cancel_order"])
async def test_unclear_message_likelier_about_something_else_is_left_to_the_rules(shop, likeliest):
    talk = Talk(shop)
    await talk.say("track_order")
    assert await talk.say("nlu_fallback", "blue instead?", (likeliest, "clarify")) == ["rejected"]
    assert await talk.resume() == ["utter_ask_order_number"]
    assert talk.slots["order_search"]["unclear"] == 0
    # The number counts, however the rest is meant.
    with_number = await talk.say("nlu_fallback", likeliest=(likeliest, "clarify"), order_number="48213")
    assert with_number == ["utter_ask_email"]


def test_other_tasks_are_those_that_the_bot_offers():
    domain = Path(__file__).parents[3] / "bot" / "domain" / "handoff.yml"
    (clarify,) = yaml.safe_load(domain.read_text(encoding="utf-8"))["responses"]["utter_clarify"]
    assert set(clarify["custom"]["tasks"]) == _OTHER_TASKS | {"track_order"}


@pytest.mark.parametrize(
    "likeliest", [("inform", "clarify"), ("faq/exchange", "fallback"), ("deny", "fallback")]
)
async def test_unclear_message_likelier_an_answer_or_nothing_is_taken_for_one(shop, likeliest):
    talk = Talk(shop)
    await talk.say("track_order")
    said = await talk.say("nlu_fallback", "the blue one", likeliest)
    assert said == ["utter_order_number_unclear", "utter_ask_order_number"]


async def test_nonsense_instead_of_an_address_is_helped_and_the_third_hands_over(shop):
    talk = Talk(shop)
    await talk.say("track_order", order_number="48213")
    for _ in range(2):
        assert await talk.say("inform", "giulia at posta") == ["utter_email_unclear", "utter_ask_email"]
        assert talk.slots["order_number"] == "TM-48213"
    assert await talk.say("inform", "giulia at posta") == [
        "utter_order_unclear_last",
        "utter_handoff_task_failed",
    ]


async def test_nonsense_is_not_counted_as_a_failed_lookup_and_forgotten_after_a_good_answer(shop):
    talk = Talk(shop)
    await talk.say("track_order")
    await talk.say("inform", "hm")
    await talk.say("inform", "hm")
    await talk.say("inform", order_number="48213")
    assert talk.slots["order_search"]["unclear"] == 0
    assert talk.slots["order_search"]["failures"] == 0
    assert await talk.say("inform", "hm") == ["utter_email_unclear", "utter_ask_email"]


async def test_number_of_another_shop_is_met_with_what_ours_look_like(shop):
    said = await Talk(shop).say("track_order", order_number="77-1203")
    assert said == ["utter_order_number_unclear", "utter_ask_order_number"]


async def test_unreachable_shop_is_admitted_and_handed_over(shop):
    shop.is_down = True
    said = await Talk(shop).say("track_order", order_number="48213", email=GIULIA)
    assert said == ["utter_order_lookup_failed", "utter_handoff_task_failed"]


async def test_unreachable_shop_offers_no_orders_but_asks(shop):
    shop.is_down = True
    assert await Talk(shop, verified_email=GIULIA).say("track_order") == ["utter_ask_order_number"]


# Interruptions


@pytest.mark.parametrize("label", ["faq", "greet", "thank", "deny", "help", "change_language"])
async def test_message_that_is_no_answer_is_left_to_the_rules(shop, label):
    talk = Talk(shop)
    await talk.say("track_order")
    assert await talk.say(label, "something else") == ["rejected"]


@pytest.mark.parametrize("label", ["request_human", "complaint"])
async def test_who_wants_a_person_is_not_asked_on_even_with_a_number(shop, label):
    talk = Talk(shop)
    await talk.say("track_order")
    assert await talk.say(label, order_number="48213") == ["rejected"]


async def test_form_asks_again_after_an_interruption_without_counting_it(shop):
    talk = Talk(shop)
    await talk.say("track_order", order_number="48213")
    await talk.say("faq", "and what does delivery cost?")
    assert await talk.resume() == ["utter_ask_email"]
    assert talk.slots["order_search"]["unclear"] == 0
    assert await talk.say("inform", email=GIULIA) == TOLD


async def test_question_that_brings_the_detail_asked_for_is_an_answer(shop):
    talk = Talk(shop)
    await talk.say("track_order")
    assert await talk.say("faq", "when will 48213 be here?", order_number="48213") == ["utter_ask_email"]


# Asking again


async def test_asking_again_tells_the_same_order_and_mentions_others(shop):
    talk = Talk(shop)
    await talk.say("track_order", order_number="48213", email=GIULIA)
    assert await talk.say("track_order") == [*TOLD, "utter_order_another"]
    assert await talk.say("track_order", order_number="48377") == ["utter_order_status_placed"]


async def test_who_is_signed_in_chooses_again(shop):
    talk = Talk(shop, verified_email=GIULIA)
    await talk.say("track_order", order_number="48213")
    assert await talk.say("track_order") == ["utter_ask_order_number_or_choose"]


async def test_task_starts_with_a_clear_count_after_it_was_left(shop):
    talk = Talk(shop)
    await talk.say("track_order")
    await talk.say("inform", "hm")
    await talk.say("inform", "hm")
    talk.slots["requested_slot"] = None  # "never mind": the rules end the form
    await talk.say("track_order")
    assert await talk.say("inform", "hm") == ["utter_order_number_unclear", "utter_ask_order_number"]


async def test_telling_without_the_form_is_an_error():
    tracker = Tracker("t", {}, {}, [], False, None, {}, None)
    with pytest.raises(ValueError, match="track_order_form"):
        await ActionTrackOrder().run(CollectingDispatcher(), tracker, {})
