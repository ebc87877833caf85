"""Rasa's own lines in the logs that all three processes write alike."""

from __future__ import annotations

from typing import Any

import structlog

from telemetry import logs

# Rasa cuts these off from the root logger.
_DETACHED = ("sanic.root", "sanic.error")


def take_over() -> None:
    """Replace the logs that Rasa has set up before it makes its channels.

    Raises:
        LogSettingsError: A variable is set to something unknown.
    """
    logs.configure("bot", detached=_DETACHED)
    # Changed in place: loggers that have been used already keep the list that they began with.
    processors = structlog.get_config()["processors"]
    processors[:] = [structlog.stdlib.filter_by_level, render_event]


def render_event(_logger: Any, _method: str, event: Any) -> tuple[tuple[str], dict[str, Any]]:
    """Return a structured line of Rasa's without its fields: they hold what customers write.

    Its own rendering of exceptions has local variables in it, and with them texts; the logs do that better.
    """
    return (str(event["event"]),), {"exc_info": event.get("exc_info")}
