"""Requests read and responses written."""

from __future__ import annotations

from typing import Any

import pytest
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered

from bot.conversation_store import Turn
from bot.turn_format import MalformedTurnError, TextTooLongError, parse_turn, render_turn
from locales.knowledge import default_knowledge

REQUEST: dict[str, Any] = {
    "sender_id": "c1.1",
    "message_id": "m1",
    "text": "ciao",
    "payload": None,
    "metadata": {
        "language": "it",
        "language_asked": None,
        "market": "IT",
        "contact": {"name": "Anna"},
        "more": 1,
    },
}


def test_request_is_read() -> None:
    turn = parse_turn(REQUEST)
    assert (turn.sender_id, turn.message_id, turn.text, turn.payload) == ("c1.1", "m1", "ciao", None)
    assert turn.metadata == {
        "language": "it",
        "language_asked": None,
        "language_hint": None,
        "market": "IT",
        "contact": {"name": "Anna"},
    }


def test_metadata_cannot_smuggle_in_what_only_the_bot_knows() -> None:
    turn = parse_turn({**REQUEST, "metadata": {"pressed": "label:request_human", "expecting": "email"}})
    assert "pressed" not in turn.metadata
    assert "expecting" not in turn.metadata


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sender_id": None}, "sender_id must be a string"),
        ({"sender_id": ""}, "sender_id must have 1 to 255"),
        ({"message_id": "x" * 256}, "message_id must have 1 to 255"),
        ({"message_id": "a\x00"}, "message_id must have printable"),
        ({"sender_id": "\ud83d"}, "sender_id must have printable"),
        ({"text": 1}, "text must be a string"),
        ({"payload": 1}, "payload must be a string"),
        ({"metadata": None}, "metadata must be an object"),
        ({"metadata": {"language": 1}}, "language must be a string"),
        ({"metadata": {"contact": "Anna"}}, "metadata.contact must be an object"),
    ],
)
def test_wrong_request_is_told_what_is_wrong(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MalformedTurnError, match=complaint):
        parse_turn({**REQUEST, **change})


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_object_is_no_turn(document: Any) -> None:
    with pytest.raises(MalformedTurnError):
        parse_turn(document)


def test_text_has_a_limit() -> None:
    assert parse_turn({**REQUEST, "text": "x" * 4000}).text == "x" * 4000
    with pytest.raises(TextTooLongError):
        parse_turn({**REQUEST, "text": "x" * 4001})


def test_half_characters_that_no_database_takes_are_replaced() -> None:
    assert parse_turn({**REQUEST, "text": "a\ud83d"}).text == "a\ufffd"


def user(message_id: str, label: str = "faq/return_policy") -> UserUttered:
    parsed = {
        "language": {
            "detected": "it",
            "confidence": 0.9,
            "chosen": "it",
            "asked": None,
            "words": 2,
            "asked_now": False,
        },
        "understanding": {
            "label": label,
            "confidence": 0.8,
            "ranking": [{"label": label, "confidence": 0.8}],
            "decision": "answer",
        },
    }
    entities = [{"entity": "email", "value": "a@b.example", "start": 0, "end": 11, "extractor": "X"}]
    return UserUttered("…", {"name": "faq"}, entities, parsed, message_id=message_id)


def test_response_tells_replies_understanding_and_state() -> None:
    reply = BotUttered(
        "Entro 30 giorni.",
        {"buttons": [{"title": "Costi", "payload": "label:faq/return_cost", "more": 1}]},
        {"topic": "faq/return_policy", "utter_action": "utter_answer"},
    )
    slots = {"email": "a@b.example", "order_number": None, "requested_slot": "order_number"}
    turn = Turn([user("m1"), ActionExecuted("utter_answer"), reply], slots, "track_order_form")
    response = render_turn("m1", turn, default_knowledge())
    assert response["replies"] == [
        {
            "text": "Entro 30 giorni.",
            "buttons": [{"title": "Costi", "payload": "label:faq/return_cost"}],
            "topic": "faq/return_policy",
        }
    ]
    assert response["language"] == {"detected": "it", "confidence": 0.9, "chosen": "it", "asked": None}
    title = default_knowledge().get_article("faq/return_policy", "it").title
    assert response["understanding"]["ranking"] == [
        {"label": "faq/return_policy", "confidence": 0.8, "title": title}
    ]
    assert response["entities"] == [{"entity": "email", "value": "a@b.example"}]
    assert (response["task"], response["slots"]) == ("track_order", {"email": "a@b.example"})
    assert response["handoff"] is None


def test_handoff_is_told_and_is_no_reply() -> None:
    signal = BotUttered(None, {"custom": {"handoff": {"reason": "requested"}}}, {})
    response = render_turn("m1", Turn([user("m1", "request_human"), signal], {}, None), default_knowledge())
    assert response["handoff"] == {"reason": "requested"}
    assert response["replies"] == []
