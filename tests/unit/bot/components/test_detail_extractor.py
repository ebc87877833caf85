"""Entities on messages."""

from __future__ import annotations

from bot.components.detail_extractor import DetailExtractor
from tests.unit.bot.components.conftest import Workshop, customers_message


def entities(workshop: Workshop, text: str, **metadata: object) -> list[tuple[str, str, str]]:
    extractor = workshop.create(DetailExtractor, language_names={"anglit": "en"})
    (message,) = extractor.process([customers_message(text, **metadata)])
    return [
        (found["entity"], text[found["start"] : found["end"]], found["value"])
        for found in message.get("entities")
    ]


def test_details_and_languages_are_found_together_in_order(workshop: Workshop) -> None:
    assert entities(workshop, "in English please: #48213, Anna@Libero.it") == [
        ("language", "English", "en"),
        ("order_number", "#48213", "48213"),
        ("email", "Anna@Libero.it", "anna@libero.it"),
    ]


def test_name_of_a_language_in_an_address_is_none(workshop: Workshop) -> None:
    assert entities(workshop, "fede.greco@polito.it") == [
        ("email", "fede.greco@polito.it", "fede.greco@polito.it")
    ]


def test_configured_names_are_known_too(workshop: Workshop) -> None:
    assert entities(workshop, "efshar anglit?") == [("language", "anglit", "en")]


def test_what_was_asked_for_may_be_short(workshop: Workshop) -> None:
    assert entities(workshop, "482") == []
    assert entities(workshop, "482", expecting="order_number") == [("order_number", "482", "482")]


def test_button_of_an_order_gives_its_number_and_other_buttons_nothing(workshop: Workshop) -> None:
    assert entities(workshop, "TM-48213", pressed="order:TM-48213") == [
        ("order_number", "TM-48213", "TM-48213")
    ]
    assert entities(workshop, "English 48213", pressed="label:faq/exchange") == []


def test_entities_reach_the_tracker(workshop: Workshop) -> None:
    (message,) = workshop.create(DetailExtractor).process([customers_message("48213")])
    assert message.as_dict(only_output_properties=True)["entities"][0]["value"] == "48213"
