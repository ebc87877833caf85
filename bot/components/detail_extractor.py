"""Entities that need no model: order numbers, e-mail addresses, names of languages."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    EXTRACTOR,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message

from bot.buttons import Pressed
from bot.context import parse_context
from bot.details import EMAIL_ENTITY, ORDER_NUMBER, Detail, find_details
from bot.language_mentions import LanguageMentions

LANGUAGE_ENTITY = "language"

LANGUAGE_NAMES = "language_names"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class DetailExtractor(GraphComponent):
    """Adds entities `order_number` (normalised), `email` (lower case) and `language` (ISO 639-1 code)."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # What people call languages beside the names that CLDR has, with ISO 639-1 codes.
            LANGUAGE_NAMES: {},
        }

    def __init__(self, config: dict[str, Any]) -> None:
        self._mentions = LanguageMentions(config[LANGUAGE_NAMES])

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DetailExtractor:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            context = parse_context(message.get("metadata"))
            text = message.get(TEXT) or ""
            found = (
                self._pressed(text, context.pressed)
                if context.pressed
                else self.find(text, context.expecting)
            )
            entities = [
                {
                    ENTITY_ATTRIBUTE_TYPE: detail.entity,
                    ENTITY_ATTRIBUTE_START: detail.start,
                    ENTITY_ATTRIBUTE_END: detail.end,
                    ENTITY_ATTRIBUTE_VALUE: detail.value,
                    EXTRACTOR: type(self).__name__,
                }
                for detail in found
            ]
            message.set(ENTITIES, (message.get(ENTITIES) or []) + entities, add_to_output=True)
        return messages

    def _pressed(self, text: str, pressed: Pressed) -> list[Detail]:
        # What other buttons say is no detail that the customer gave.
        return [Detail(ORDER_NUMBER, 0, len(text), pressed.value)] if pressed.kind == "order" else []

    def find(self, text: str, expecting: str | None = None) -> list[Detail]:
        """Return what is in a text, in order. `expecting` is what the bot has just asked for."""
        details = find_details(text, expecting)
        without_emails = text
        for detail in details:
            if detail.entity == EMAIL_ENTITY:
                blank = " " * (detail.end - detail.start)
                without_emails = without_emails[: detail.start] + blank + without_emails[detail.end :]
        details += [
            Detail(LANGUAGE_ENTITY, mention.start, mention.end, mention.code)
            for mention in self._mentions.find(without_emails)
        ]
        return sorted(details, key=lambda detail: detail.start)
