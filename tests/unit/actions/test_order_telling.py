from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from actions.commerce.base import Order, OrderStatus
from actions.order_telling import Utterance, tell_order
from actions.proof import Proof
from actions.snapshot import render_snapshot
from locales import catalogue
from locales.formatting import format_value
from locales.languages import list_languages
from tests.unit.actions.shop import NOW, make_order, make_parcel

ROOT = Path(__file__).parents[3]
DELIVERED = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def told(order: Order) -> list[Utterance]:
    return tell_order(render_snapshot(order, Proof.EMAIL, NOW))


def responses(order: Order) -> list[str]:
    return [utterance.response for utterance in told(order)]


def test_shipped_order_is_told_with_day_carrier_and_link():
    assert told(make_order()) == [
        Utterance("utter_order_status_shipped", {"order_number": "TM-48213", "date": {"date": "2026-11-23"}}),
        Utterance(
            "utter_order_parcel",
            {"carrier": "BRT", "tracking_number": "0862", "link": "https://carrier.example/0862"},
        ),
    ]


def test_days_are_those_of_the_customers_calendar():
    order = make_order(
        status=OrderStatus.DELIVERED, market="VN", parcels=(make_parcel(delivered_at=DELIVERED),)
    )
    assert told(order)[0].values["date"] == {"date": "2026-11-21"}  # 06:30 in Ho Chi Minh City
    assert told(replace(order, market="GB"))[0].values["date"] == {"date": "2026-11-20"}


def test_placed_order_is_told_with_the_day_it_was_placed():
    order = make_order(status=OrderStatus.PLACED, parcels=())
    assert told(order) == [
        Utterance("utter_order_status_placed", {"order_number": "TM-48213", "date": {"date": "2026-11-18"}})
    ]


def test_several_parcels_are_counted_and_listed_with_a_day_each():
    parcels = (
        make_parcel(tracking_number="1", delivered_at=DELIVERED),
        make_parcel(tracking_number="2"),
        make_parcel(tracking_number="3", expected_on=None),
        make_parcel(tracking_number="4", collect_by=date(2026, 11, 28)),
    )
    utterances = told(make_order(parcels=parcels))
    assert [utterance.response for utterance in utterances] == [
        "utter_order_status_shipped_undated",
        "utter_order_parcel_count",
        "utter_order_parcel_delivered",
        "utter_order_parcel_expected",
        "utter_order_parcel_undated",
        "utter_order_parcel_waiting",
    ]
    assert utterances[1].values == {"count": 4}
    assert [utterance.values["tracking_number"] for utterance in utterances[2:]] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("status", [OrderStatus.SHIPPED, OrderStatus.DELAYED])
def test_day_that_has_passed_is_not_promised(status):
    order = make_order(
        status=status,
        parcels=(make_parcel(expected_on=date(2026, 11, 19)),),
        expected_on=date(2026, 11, 19),
    )
    assert responses(order)[0] == "utter_order_status_delayed_undated"


def test_order_expected_today_is_not_late():
    order = make_order(parcels=(make_parcel(expected_on=date(2026, 11, 21)),), expected_on=date(2026, 11, 21))
    assert responses(order)[0] == "utter_order_status_shipped"


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.PACKED])
def test_order_without_parcels_is_told_in_one_sentence(status):
    assert responses(make_order(status=status, parcels=())) == [f"utter_order_status_{status}"]


def every_utterance() -> list[Utterance]:
    full = make_parcel(delivered_at=DELIVERED, collect_by=date(2026, 11, 28))
    bare = make_parcel(shipped_at=None, expected_on=None)
    waiting = make_parcel(collect_by=date(2026, 11, 28))
    variants = [(), (full,), (bare,), (full, bare, waiting, make_parcel())]
    return [
        utterance
        for status in OrderStatus
        for parcels in variants
        for utterance in told(make_order(status=status, parcels=parcels))
    ]


WRITTEN = [
    language.tag for language in list_languages() if catalogue.catalogue_path("bot", language.tag).exists()
]


@pytest.mark.parametrize("language", WRITTEN)
def test_every_status_has_a_text_that_says_all_of_it(language):
    for utterance in every_utterance():
        values = {
            name: format_value(value, language, "EUR") if isinstance(value, dict) else str(value)
            for name, value in utterance.values.items()
            if name != "count"
        }
        if "count" in utterance.values:
            text = catalogue.plural("bot", utterance.response, language, utterance.values["count"], **values)
        else:
            text = catalogue.text("bot", utterance.response, language, **values)
        assert all(value in text for value in values.values()), f"{utterance.response}: {text}"


def domain() -> dict:
    return yaml.safe_load((ROOT / "bot" / "domain" / "orders.yml").read_text(encoding="utf-8"))


def test_domain_has_every_response_of_a_status_and_no_other():
    listed = {name for name in domain()["responses"] if name.startswith("utter_order_status_")}
    assert {u.response for u in every_utterance() if "status" in u.response} == listed


def test_domain_has_every_response_that_an_action_gives():
    source = "".join(
        (ROOT / "actions" / name).read_text(encoding="utf-8") for name in ("orders.py", "order_telling.py")
    )
    named = {
        word for word in source.replace('"', " ").split() if word.startswith("utter_") and "{" not in word
    }
    # Of another task's file: the handoff is signalled the same way everywhere.
    assert named - {"utter_handoff_task_failed"} <= set(domain()["responses"])


@pytest.mark.parametrize("language", WRITTEN)
def test_every_response_of_the_task_has_a_text(language):
    texts = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue.read_catalogue("bot", language)
        if message.id and all(message.string)
    }
    keys = {variant["text"] for variants in domain()["responses"].values() for variant in variants}
    assert keys <= texts


@pytest.mark.parametrize("language", WRITTEN)
def test_placeholders_are_those_of_the_english_text(language):
    responses = domain()["responses"]

    def placeholders(tag: str) -> dict[str, set[str | None]]:
        return {
            key: {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for key, text in catalogue.words("bot", tag).items()
            if key in responses
        }

    assert placeholders(language) == placeholders("en")
