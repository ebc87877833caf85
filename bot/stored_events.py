"""Rasa's events from JSON, strictly: what Rasa itself would leave out with a warning is an error here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from rasa.shared.core.events import Event, SlotSet
from rasa.shared.utils.common import all_subclasses


class UnknownEventError(ValueError):
    """The text is no event that this version of Rasa knows."""


@lru_cache(maxsize=1)
def _classes() -> dict[str, type[Event]]:
    # Rasa walks through all classes for every single event.
    return {event.type_name: event for event in all_subclasses(Event)}


def read_events(documents: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Return the events of JSON documents.

    Raises:
        UnknownEventError: One is no object, names no event of Rasa's or lacks what such an event has.
    """
    return [_read(document) for document in documents]


def _read(document: Any) -> Event:
    try:
        event = _classes()[document["event"]]._from_parameters(dict(document))
        if isinstance(event, SlotSet):
            # The one event for which Rasa makes do without its name.
            document["name"]
        return event
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        name = document.get("event") if isinstance(document, Mapping) else document
        raise UnknownEventError(f"{name!r} is no event of Rasa's, or lacks {error}") from error
