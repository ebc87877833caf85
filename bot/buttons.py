"""Buttons: a title in the customer's language, and a payload that says what pressing it means.

A payload is `label:<label>` ("label:faq/return_policy"), `language:<tag>` ("language:it"), `order:<number>`
("order:TM-48213") or `feedback:not_helped` (the answer above did not help). It fits every channel (WhatsApp
allows 256 bytes) and is no command: a forged one does no more than words could.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["label", "language", "order", "feedback"]

_PAYLOAD = re.compile(r"(?P<kind>label|language|order|feedback):(?P<value>[\w#][\w#/ -]{0,99})")
# "2", "2.", "(2)", "2️⃣": how people pick from a numbered list.
_NUMBER = re.compile(r"\W*(\d{1,2})\W*")


@dataclass(frozen=True)
class Pressed:
    """What a button stands for."""

    kind: Kind
    value: str


def render_payload(kind: Kind, value: str) -> str:
    return f"{kind}:{value}"


def parse_payload(payload: str | None) -> Pressed | None:
    """Return what a payload stands for, or None where it is none of ours."""
    match = _PAYLOAD.fullmatch(payload or "")
    return Pressed(kind=match["kind"], value=match["value"]) if match else None  # type: ignore[arg-type]


def find_typed_button(text: str, buttons: Sequence[dict[str, Any]]) -> str | None:
    """Return the payload of the button that a customer chose by typing its title or its number, or None.

    Channels without buttons show them as a numbered list, and people type titles even where they could press.
    """
    number = _NUMBER.fullmatch(
        unicodedata.normalize("NFKC", text).replace("\N{COMBINING ENCLOSING KEYCAP}", "")
    )
    if number:
        position = int(number[1])
        return str(buttons[position - 1]["payload"]) if 1 <= position <= len(buttons) else None
    typed = _folded(text)
    for button in buttons:
        if typed and typed == _folded(button["title"]):
            return str(button["payload"])
    return None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip(" .!?…")
