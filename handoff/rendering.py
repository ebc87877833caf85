"""Errors as people and programs read them."""

from __future__ import annotations

from typing import Any

from handoff.errors import DragomanError, RateLimitedError
from locales import catalogue


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
