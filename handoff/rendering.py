"""Errors as people and programs read them."""

from __future__ import annotations

from typing import Any

from handoff.errors import DragomanError, RateLimitedError
from locales import catalogue


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
        # Not a number: the browser's mistake, the language counts least.
        return 0.0


def render_error(error: DragomanError, language: str) -> dict[str, Any]:
    """Return an error as a frame or a response body: stable code, text in the language, nothing internal."""
    rendered: dict[str, Any] = {
        "type": "error",
        "code": error.code,
        "message": catalogue.text("service", f"error.{error.code}", language, **error.values),
    }
    if isinstance(error, RateLimitedError):
        rendered["retry_after_s"] = error.retry_after_s
    return rendered
