"""Errors and sentences as people and programs read them, and the languages that a browser asks for."""

from __future__ import annotations

import unicodedata
from typing import Any

from handoff import metrics
from handoff.errors import DragomanError
from locales import catalogue

# Unicode Bidirectional Algorithm (UAX 9), 2.4
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"


def list_accepted_languages(header: str) -> list[str]:
    """Return the tags of an Accept-Language header, the best liked first (RFC 9110, 12.5.4)."""
    liked: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, parameter = part.partition(";")
        quality = _quality(parameter)
        if tag.strip() and quality > 0:
            liked.append((quality, tag.strip()))
    return [tag for _, tag in sorted(liked, key=lambda item: -item[0])]


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        # Not a number: the browser's mistake, and no sign of liking.
        return 0.0


def isolate(value: str, direction: str) -> str:
    """Return a value so that it can stand in a sentence of another direction without turning it around.

    Only where it might: a value with right-to-left letters, or any in a right-to-left sentence.
    """
    is_mixed = direction == "rtl" or any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in value)
    return f"{FIRST_STRONG_ISOLATE}{value}{POP_ISOLATE}" if is_mixed else value


def render_error(error: DragomanError, language: str) -> dict[str, Any]:
    """Return an error as a frame or a response body: stable code, text in the language, nothing internal."""
    metrics.REFUSALS.labels(error.code).inc()
    rendered: dict[str, Any] = {
        "type": "error",
        "code": error.code,
        "message": catalogue.text("service", f"error.{error.code}", language, **error.values),
    }
    if error.retry_after_s is not None:
        rendered["retry_after_s"] = error.retry_after_s
    return rendered
