"""The console's words, in the language of the agent."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import cache
from typing import Any

from handoff.queue.labels import find_title
from handoff.rendering import isolate
from locales import catalogue
from locales.languages import Language, display_name, find_language, get_language, list_languages

# The product's name: the same in every language.
NAME = "Dragoman"
LAST_RESORT = "en"


@cache
def list_console_languages() -> list[Language]:
    """Return the languages that the console itself speaks; customers may be served in more."""
    return [
        language
        for language in list_languages()
        if catalogue.catalogue_path("console", language.tag).is_file()
    ]


def find_console_language(tags: Iterable[str]) -> Language:
    """Return the first of the languages that the console speaks, else English."""
    for tag in tags:
        language = find_language(tag)
        if language in list_console_languages():
            return language
    return get_language(LAST_RESORT)


def web_locale(language: Language) -> str:
    """Return the BCP 47 tag that browsers write times by: en-GB counts hours to 24, plain en does not."""
    return language.locale.replace("_", "-")


class Words:
    """Texts in one language: `words("offline")` is the key `console.offline` of the catalogue.

    What is filled in keeps its own direction: a Latin name in a Hebrew sentence doesn't turn it around.
    """

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        isolated = {name: self._isolate(value) for name, value in values.items()}
        return catalogue.text("console", f"console.{key}", self.language.tag, **isolated)

    def count(self, key: str, count: int) -> str:
        """Return the text in the plural form for a number."""
        return catalogue.plural("console", f"console.{key}", self.language.tag, count)

    def find(self, key: str, otherwise: str) -> str:
        """Return the text for a key made of data (a channel's name), or what stands in for it."""
        try:
            return self(key)
        except catalogue.MissingTextError:
            return otherwise

    def visitor(self, conversation_id: uuid.UUID) -> str:
        """Return what stands for a customer whose name is not known."""
        return self("visitor", code=str(conversation_id)[:4].upper())

    def presence(self, is_here: bool | None) -> str | None:
        """Return whether a customer is here, in a word; None where the channel does not tell."""
        return None if is_here is None else self("presence.here" if is_here else "presence.gone")

    def label(self, label: str, title: str | None = None) -> str:
        """Return what a label is called; `title` is what the bot called it, in the customer's language."""
        return find_title(label, self.language.tag) or title or label

    def of_tab(self, key: str, **values: Any) -> str:
        """Return a text for the browser's tab, where marks of direction might be seen."""
        return catalogue.text("console", f"console.{key}", self.language.tag, **values)

    def language_tag(self, tag: str) -> str:
        """Return how a language is shown: its own name and its code, "Italiano · it"."""
        language = find_language(tag)
        name = language.endonym if language else display_name(tag, self.language.tag)
        return f"{name} · {tag}"

    def _isolate(self, value: Any) -> Any:
        return isolate(value, self.language.direction) if isinstance(value, str) else value
