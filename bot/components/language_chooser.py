"""Which language does the bot answer in? Decided last, when what the customer wrote is understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, ENTITY_ATTRIBUTE_TYPE, ENTITY_ATTRIBUTE_VALUE
from rasa.shared.nlu.training_data.message import Message

from bot.components.detail_extractor import LANGUAGE_ENTITY
from bot.components.label_classifier import UNDERSTANDING
from bot.components.language_identifier import LANGUAGE
from bot.context import Context, parse_context
from bot.understanding import CHANGE_LANGUAGE
from locales.languages import find_language
from locales.markets import default_language

SWITCH_FROM = "switch_from"
SWITCH_WORDS = "switch_words"
START_FROM = "start_from"


@dataclass(frozen=True)
class Choice:
    """`chosen` is what the bot answers in; `asked` what the customer has asked for by name, now or earlier.

    `asked_now` tells that it was in this message, `unsupported` is the ISO 639-1 code asked for in this
    message that the shop does not speak.
    """

    chosen: str
    asked: str | None
    asked_now: bool
    unsupported: str | None


def choose(
    detected: Mapping[str, Any],
    named: Sequence[str],
    context: Context,
    *,
    switch_from: float,
    switch_words: int,
    start_from: float,
) -> Choice:
    """Choose the language to answer in.

    What the customer asked for by name counts most, then what the message is surely written in, the
    conversation so far, the channel's hint, the shop's default.

    Args:
        detected: What the LanguageIdentifier found.
        named: ISO 639-1 codes of the languages that the message asks for; empty if it asks for none.
        context: What the service knows of the conversation.
        switch_from: Probability from which a message changes the language of a conversation …
        switch_words: … if it has so many words that tell (one borrowed word never does) or a script of its
            own.
        start_from: Probability from which the first message sets it.
    """
    spoken = find_language(context.language)
    hint = find_language(context.language_hint)
    so_far = spoken.tag if spoken else hint.tag if hint else default_language()
    # "This is all in Dutch, I want English": of several, one that is not spoken already.
    wanted = [code for code in named if code != so_far] or list(named)
    supported = [language.tag for language in map(find_language, wanted) if language]
    if supported:
        return Choice(supported[0], supported[0], asked_now=True, unsupported=None)
    unsupported = wanted[0] if wanted else None
    earlier = find_language(context.language_asked)
    if earlier:
        return Choice(earlier.tag, earlier.tag, asked_now=False, unsupported=unsupported)
    found = find_language(detected["detected"])
    if found and spoken:
        told = detected["script"] or detected["words"] >= switch_words
        switches = told and detected["confidence"] >= switch_from
    else:
        switches = detected["words"] > 0 and detected["confidence"] >= start_from
    chosen = found.tag if found and switches else so_far
    return Choice(chosen, None, asked_now=False, unsupported=unsupported)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class LanguageChooser(GraphComponent):
    """Adds what `Choice` holds to what the LanguageIdentifier has set."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # Probability, the conversation so far counted in, from which a message changes the language …
            SWITCH_FROM: 0.8,
            # … and the words that must tell: "thanks" is said in every language.
            SWITCH_WORDS: 2,
            # Probability from which the first message sets the language against the hint and the default.
            START_FROM: 0.5,
        }

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageChooser:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            context = parse_context(message.get("metadata"))
            detected = message.get(LANGUAGE)
            choice = choose(
                detected,
                _asked_for(message, context),
                context,
                switch_from=self._config[SWITCH_FROM],
                switch_words=self._config[SWITCH_WORDS],
                start_from=self._config[START_FROM],
            )
            message.set(LANGUAGE, {**detected, **choice.__dict__}, add_to_output=True)
        return messages


def _asked_for(message: Message, context: Context) -> list[str]:
    if context.pressed:
        return [context.pressed.value] if context.pressed.kind == "language" else []
    understanding = message.get(UNDERSTANDING)
    if understanding["label"] != CHANGE_LANGUAGE or understanding["decision"] != "answer":
        return []
    return [
        entity[ENTITY_ATTRIBUTE_VALUE]
        for entity in message.get(ENTITIES) or ()
        if entity[ENTITY_ATTRIBUTE_TYPE] == LANGUAGE_ENTITY
    ]
