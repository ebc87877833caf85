"""The console's words: in the agent's language, and every one that data may ask for."""

from __future__ import annotations

import pytest

from handoff.console.elements import web_address
from handoff.console.words import Words, find_console_language, list_console_languages, web_locale
from handoff.conversations.models import Author, Delivery, Owner
from handoff.conversations.transitions import Move
from handoff.queue.labels import find_title, name_status
from handoff.queue.models import HandoffState, Reason, Resolution
from handoff.queue.packet import MOOD_OF_LABEL
from handoff.queue.repository import OPEN_STATES
from handoff.queue.service import HIGH, NORMAL, URGENT
from locales.languages import get_language

KEYS = [
    *(f"reason.{reason.value}" for reason in Reason),
    *(f"resolution.{resolution.value}" for resolution in Resolution),
    *(f"owner.{owner.value}" for owner in Owner),
    *(f"hint.{owner.value}" for owner in Owner),
    *(f"conflict.{owner.value}" for owner in Owner),
    *(f"move.{move.value}" for move in Move),
    *(f"delivery.{delivery.value}" for delivery in Delivery),
    *(f"priority.{level}" for level in (URGENT, HIGH, NORMAL)),
    *(f"author.{author.value}" for author in Author if author is not Author.AGENT),
    *(f"ended.{state.value}" for state in HandoffState if state not in OPEN_STATES),
    *(f"mood.{mood}" for mood in {*MOOD_OF_LABEL.values(), "neutral"}),
    *(f"typing.{who}" for who in ("customer", "bot", "agent")),
    *(f"presence.{state}" for state in ("here", "gone")),
]


@pytest.mark.parametrize("language", list_console_languages(), ids=lambda language: language.tag)
def test_every_state_has_its_word(language) -> None:  # type: ignore[no-untyped-def]
    words = Words(language)
    for key in KEYS:
        assert words(key, agent="Anna", name="Anna", state="x", problem="y")
    for count in (1, 2, 11):
        assert words.count("unread", count)


def test_console_language_is_the_first_that_it_speaks() -> None:
    assert find_console_language(["tlh", "xx", "iw-IL", "it"]).tag == "he"
    assert find_console_language([]).tag == "en"


def test_times_are_written_as_in_the_country() -> None:
    assert web_locale(get_language("en")) == "en-GB"


def test_name_keeps_its_own_direction() -> None:
    hebrew, english = Words(get_language("he")), Words(get_language("en"))
    assert "\u2068Anna\u2069" in hebrew("conflict.agent", agent="Anna")
    assert "\u2068דנה\u2069" in english("conflict.agent", agent="דנה")
    assert english("conflict.agent", agent="Anna").startswith("Anna was faster")
    assert hebrew.of_tab("title_new", count=3, name="Dragoman") == "(3) Dragoman"


def test_language_is_shown_by_its_own_name() -> None:
    words = Words(get_language("en"))
    assert words.language_tag("it") == "Italiano · it"
    assert words.language_tag("ko") == "Korean · ko"


def test_label_is_called_as_the_agent_calls_it() -> None:
    words = Words(get_language("en"))
    assert words.label("faq/shipping_cost", "עלות משלוח") == "Delivery costs"
    assert words.label("of_this_shop_alone", "their title") == "their title"
    assert words.label("of_this_shop_alone") == "of_this_shop_alone"
    assert find_title("nothing", "xx") is None


def test_unknown_status_of_an_order_is_shown_as_it_is() -> None:
    assert name_status("shipped", "en") == "on its way"
    assert name_status("lost at sea", "en") == "lost at sea"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//x", "", None, "http//x"])
def test_link_leads_to_web_pages_only(address: str | None) -> None:
    assert web_address(address) is None
    assert web_address("https://carrier.example/1") == "https://carrier.example/1"
