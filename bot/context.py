"""What is known beside the message itself: the metadata that the service and the channel send with it.

The service fills in language, language_asked, language_hint, market and contact; the channel adds what only
the tracker knows: `expecting` (what the bot has just asked for), `offered` (labels it has just offered;
`deny` where "That didn't help" stands below an article), `clarified` (it has just asked which of these was
meant), `offered_instead` (it has just offered these in place of an article that was no help) and `pressed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.buttons import Pressed, parse_payload

# `expecting` is the name of the form slot that is asked for, or this.
EXPECTING_LANGUAGE = "language"


@dataclass(frozen=True)
class Context:
    """Metadata of one message, all of it optional. Languages are BCP 47 tags, the market an ISO 3166 code."""

    language: str | None = None
    language_asked: str | None = None
    language_hint: str | None = None
    market: str | None = None
    expecting: str | None = None
    offered: tuple[str, ...] = ()
    clarified: bool = False
    offered_instead: bool = False
    pressed: Pressed | None = None


def parse_context(metadata: Mapping[str, Any] | None) -> Context:
    """Read a message's metadata. A payload that is none of ours counts as nothing pressed."""
    given = metadata or {}
    return Context(
        language=given.get("language"),
        language_asked=given.get("language_asked"),
        language_hint=given.get("language_hint"),
        market=given.get("market"),
        expecting=given.get("expecting"),
        offered=tuple(given.get("offered") or ()),
        clarified=bool(given.get("clarified")),
        offered_instead=bool(given.get("offered_instead")),
        pressed=parse_payload(given.get("pressed")),
    )
