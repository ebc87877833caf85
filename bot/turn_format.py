"""The wire format of a turn (tests/contracts/turn.schema.json): JSON from the service, JSON back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.nlu.constants import ENTITY_ATTRIBUTE_TYPE, ENTITY_ATTRIBUTE_VALUE

from bot.conversation_store import Turn
from bot.telling import title_of
from locales.knowledge import KnowledgeBase, is_topic

# Longer than any question; what a customer pastes beyond it is cut by the service or refused here.
MAX_TEXT_LENGTH = 4000
MAX_ID_LENGTH = 255

# Half of a character beyond the 16-bit range; JSON may carry one alone, no database can.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# How forms keep track of themselves: nothing that an agent could use.
_INNER_SLOTS = {"requested_slot", "session_started_metadata", "order_search"}

_METADATA_TEXTS = ("language", "language_asked", "language_hint", "market")


class MalformedTurnError(ValueError):
    """The request is no turn. `code` is for programs, the text for developers."""

    code = "malformed_turn"


class TextTooLongError(MalformedTurnError):
    """The text has more than MAX_TEXT_LENGTH characters."""

    code = "text_too_long"


@dataclass(frozen=True)
class TurnRequest:
    """One message of a customer."""

    sender_id: str
    message_id: str
    text: str
    payload: str | None
    metadata: dict[str, Any]


def parse_turn(document: Any) -> TurnRequest:
    """Read a request.

    Raises:
        TextTooLongError: The text is too long.
        MalformedTurnError: A field is missing or of the wrong type.
    """
    if not isinstance(document, Mapping):
        raise MalformedTurnError("a JSON object is expected")
    text = _text(document, "text")
    if len(text) > MAX_TEXT_LENGTH:
        raise TextTooLongError(f"text has {len(text)} characters, at most {MAX_TEXT_LENGTH} are read")
    return TurnRequest(
        sender_id=_identifier(document, "sender_id"),
        message_id=_identifier(document, "message_id"),
        text=_LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text),
        payload=_optional_text(document, "payload"),
        metadata=_metadata(document.get("metadata")),
    )


def render_turn(message_id: str, turn: Turn, knowledge: KnowledgeBase) -> dict[str, Any]:
    """Write the response.

    Args:
        message_id: The request's.
        turn: What was said, and the slots and the form that it has left.
        knowledge: For the titles of labels.
    """
    message = turn.events[0]
    assert isinstance(message, UserUttered)
    parsed: Mapping[str, Any] = message.parse_data
    language, understanding = parsed["language"], parsed["understanding"]
    uttered = [event for event in turn.events if isinstance(event, BotUttered)]
    handoffs = [handoff for event in uttered if (handoff := (event.data.get("custom") or {}).get("handoff"))]
    return {
        "message_id": message_id,
        "replies": [_reply(event) for event in uttered if event.text],
        "language": {key: language[key] for key in ("detected", "confidence", "chosen", "asked")},
        "understanding": {
            **understanding,
            # A turn told again may name a topic whose article is gone by now.
            "ranking": [
                {**entry, "title": title_of(entry["label"], language["chosen"], knowledge)}
                for entry in understanding["ranking"]
                if not is_topic(entry["label"]) or knowledge.find_topic(entry["label"])
            ],
        },
        "entities": [
            {"entity": entity[ENTITY_ATTRIBUTE_TYPE], "value": entity[ENTITY_ATTRIBUTE_VALUE]}
            for entity in message.entities
        ],
        "task": turn.active_loop.removesuffix("_form") if turn.active_loop else None,
        "slots": {
            name: value
            for name, value in turn.slots.items()
            if value is not None and name not in _INNER_SLOTS
        },
        "handoff": {"reason": handoffs[-1]["reason"]} if handoffs else None,
    }


def _reply(event: BotUttered) -> dict[str, Any]:
    buttons = event.data.get("buttons") or []
    return {
        "text": event.text,
        "buttons": [{"title": button["title"], "payload": button["payload"]} for button in buttons],
        "topic": event.metadata.get("topic"),
    }


def _identifier(document: Mapping[str, Any], name: str) -> str:
    value = _text(document, name)
    if not 0 < len(value) <= MAX_ID_LENGTH:
        raise MalformedTurnError(f"{name} must have 1 to {MAX_ID_LENGTH} characters")
    if not value.isprintable():
        # No database takes NUL or half a character.
        raise MalformedTurnError(f"{name} must have printable characters only")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise MalformedTurnError(f"{name} must be a string")
    return value


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _text(document, name)


def _metadata(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise MalformedTurnError("metadata must be an object")
    metadata: dict[str, Any] = {name: _optional_text(given, name) for name in _METADATA_TEXTS}
    contact = given.get("contact")
    if contact is not None and not isinstance(contact, Mapping):
        raise MalformedTurnError("metadata.contact must be an object or null")
    return {**metadata, "contact": dict(contact) if contact else None}
