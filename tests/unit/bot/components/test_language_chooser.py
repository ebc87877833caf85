"""Which language the bot answers in."""

from __future__ import annotations

from typing import Any

import pytest

from bot.components.language_chooser import Choice, LanguageChooser, choose
from bot.context import Context
from locales.markets import default_language
from tests.unit.bot.components.conftest import Workshop, customers_message


def decide(
    detected: str = "unknown", confidence: float = 0.0, words: int = 0, *, script: bool = False,
    named: tuple[str, ...] = (), **context: Any,
) -> Choice:  # fmt: skip
    found = {"detected": detected, "confidence": confidence, "words": words, "script": script}
    return choose(found, named, Context(**context), switch_from=0.8, switch_words=2, start_from=0.5)


def test_nothing_known_is_the_shops_default() -> None:
    assert decide() == Choice(default_language(), None, asked_now=False, unsupported=None)


def test_hint_counts_before_the_default_and_the_message_before_the_hint() -> None:
    assert decide(language_hint="it-CH").chosen == "it"
    assert decide("nl", 0.7, 1, language_hint="it").chosen == "nl"
    assert decide("nl", 0.4, 1, language_hint="it").chosen == "it"


def test_sure_message_switches_and_an_unsure_one_does_not() -> None:
    assert decide("nl", 0.95, 3, language="it").chosen == "nl"
    assert decide("nl", 0.7, 3, language="it").chosen == "it"


def test_one_borrowed_word_never_switches() -> None:
    assert decide("en", 0.99, 1, language="it").chosen == "it"


def test_one_word_in_a_script_of_its_own_does() -> None:
    assert decide("he", 0.99, 1, script=True, language="en").chosen == "he"


@pytest.mark.parametrize("detected", ["unknown", "pl"])
def test_language_that_the_shop_does_not_speak_leaves_the_conversation_alone(detected: str) -> None:
    assert decide(detected, 0.99, 8, language="nl", language_hint="en").chosen == "nl"


def test_asked_for_by_name_counts_more_than_what_is_written() -> None:
    choice = decide("it", 0.99, 5, named=("en",), language="it")
    assert choice == Choice("en", "en", asked_now=True, unsupported=None)


def test_what_was_asked_for_earlier_still_counts() -> None:
    choice = decide("it", 0.99, 5, language="en", language_asked="en")
    assert choice == Choice("en", "en", asked_now=False, unsupported=None)


def test_new_wish_replaces_the_old_one() -> None:
    assert decide(named=("he",), language="en", language_asked="en").asked == "he"


def test_of_several_languages_named_it_is_not_the_one_spoken_already() -> None:
    assert decide(named=("nl", "en"), language="nl").chosen == "en"
    assert decide(named=("it", "en"), language="en").chosen == "it"
    assert decide(named=("nl",), language="nl").chosen == "nl"


def test_wish_that_cannot_be_granted_is_told_and_changes_nothing() -> None:
    choice = decide("it", 0.99, 4, named=("pl",), language="it")
    assert choice == Choice("it", None, asked_now=False, unsupported="pl")
    assert decide(named=("pl", "en"), language="it") == Choice("en", "en", asked_now=True, unsupported=None)


def message(label: str, decision: str = "answer", entities: tuple[str, ...] = (), **metadata: Any) -> Any:
    made = customers_message("…", **metadata)
    made.set("language", {"detected": "it", "confidence": 0.9, "words": 4, "script": False, "ranking": []})
    made.set("understanding", {"label": label, "decision": decision})
    made.set("entities", [{"entity": "language", "value": code} for code in entities])
    return made


@pytest.mark.parametrize(
    ("made", "chosen"),
    [
        (message("change_language", entities=("en",), language="it"), "en"),
        (message("change_language", "clarify", entities=("en",), language="it"), "it"),
        (message("faq/exchange", entities=("en",), language="it"), "it"),
        (message("change_language", language="it", pressed="language:he"), "he"),
        (message("faq/exchange", entities=("en",), language="nl", pressed="label:faq/exchange"), "it"),
    ],
)
def test_named_language_counts_only_where_one_is_asked_for(
    workshop: Workshop, made: Any, chosen: str
) -> None:
    (processed,) = workshop.create(LanguageChooser).process([made])
    output = processed.as_dict(only_output_properties=True)["language"]
    assert output["chosen"] == chosen
    assert output["detected"] == "it"
