"""What labels and orders' states are called, in the agent's language: the bot speaks the customer's."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from handoff.settings import ROOT
from locales import catalogue

KNOWLEDGE_FOLDER = ROOT / "data" / "knowledge"


def find_title(label: str, language: str) -> str | None:
    """Return an article's title, or a task's name; None where the language has no word for the label."""
    article = _article_titles(language).get(label)
    if article is not None:
        return article
    try:
        return catalogue.text("bot", f"label.{label}", language)
    except (catalogue.MissingTextError, FileNotFoundError):
        # An agent may read a language that the bot does not speak, and a shop may add labels of its own.
        return None


def name_status(status: str, language: str) -> str:
    """Return an order's state in a word or two; a shop's own state that we have no word for as it is."""
    try:
        return catalogue.text("service", f"order_status.{status}", language)
    except catalogue.MissingTextError:
        return status


@cache
def _article_titles(language: str) -> dict[str, str]:
    articles: list[dict[str, Any]] = []
    for path in sorted((KNOWLEDGE_FOLDER / language).glob("*.yml")):
        articles += yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return {article["topic"]: article["title"] for article in articles}
