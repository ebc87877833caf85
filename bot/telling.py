"""What a response is told with: the language, the market and the values of its placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rasa.shared.core.trackers import DialogueStateTracker

from bot.context import Context, parse_context
from locales import catalogue
from locales.formatting import format_value
from locales.knowledge import KnowledgeBase
from locales.languages import find_language
from locales.markets import Market, default_language, market_for

# The catalogue that holds the bot's texts.
DOMAIN = "bot"

# An action's value of this name lists labels to offer as buttons; of that one, a number picks the plural
# form.
OFFER = "offer"
COUNT = "count"

# What rasa-sdk and Rasa send with every response beside the action's own values.
_NO_VALUES = {
    "attachment",
    "buttons",
    "custom",
    "domain_responses",
    "elements",
    "image",
    "response",
    "template",
    "text",
}


@dataclass(frozen=True)
class Telling:
    """One response about to be given.

    `values` are raw: text, numbers, or one typed value as `locales.formatting.format_value` explains them.
    """

    tracker: DialogueStateTracker
    language: str
    context: Context
    values: Mapping[str, Any]

    @classmethod
    def of(cls, tracker: DialogueStateTracker, values: Mapping[str, Any]) -> Telling:
        """Take language and context from the tracker's latest message, or the shop's default language."""
        message = tracker.latest_message
        parsed = dict(message.parse_data) if message else {}
        chosen = find_language((parsed.get("language") or {}).get("chosen"))
        return cls(
            tracker=tracker,
            language=chosen.tag if chosen else default_language(),
            context=parse_context(message.metadata if message else None),
            values={name: value for name, value in values.items() if name not in _NO_VALUES},
        )

    @property
    def parsed_language(self) -> dict[str, Any]:
        return dict(self.tracker.latest_message.parse_data.get("language") or {})

    @property
    def is_foreign(self) -> bool:
        """Tell whether the latest message is in a language that the shop does not answer in."""
        return bool(self.parsed_language.get("foreign"))

    @property
    def understanding(self) -> dict[str, Any]:
        return dict(self.tracker.latest_message.parse_data.get("understanding") or {})

    @property
    def label(self) -> str:
        return str(self.understanding.get("label"))

    @property
    def ranking(self) -> list[str]:
        """Labels that the latest message may mean, the likeliest first."""
        return [entry["label"] for entry in self.understanding.get("ranking") or ()]

    def with_values(self, values: Mapping[str, Any]) -> Telling:
        return replace(self, values={**self.values, **values})

    def formatted(self) -> dict[str, str]:
        """Return the values as the customer reads them, without those that steer the response.

        Raises:
            UnknownValueError: A typed value is of no known type.
        """
        market = market_for(self.context.market, self.language)
        return {
            name: _format(value, market, market.locale_for(self.language))
            for name, value in self.values.items()
            if name not in (OFFER, COUNT)
        }


def _format(value: Any, market: Market, locale: str) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    # An order is paid in its own currency, which need not be that of the market the customer writes from.
    typed = {kind: raw for kind, raw in value.items() if kind != "currency"}
    return format_value(typed, locale, value.get("currency", market.currency))


def title_of(label: str, language: str, knowledge: KnowledgeBase) -> str:
    """Return a label as a customer reads it: the article's title, or the catalogue's `label.<label>`.

    Raises:
        UnknownTopicError: The topic has no article.
        MissingTextError: The catalogue has no such text.
    """
    if knowledge.find_topic(label):
        return knowledge.get_article(label, language).title
    return catalogue.text(DOMAIN, f"label.{label}", language)
