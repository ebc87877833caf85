"""A message's text as the tokeniser and the encoder read it."""

from __future__ import annotations

from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.components.language_identifier import LANGUAGE
from bot.encoder_folder import make_encodable
from bot.learning.text import simplify
from bot.learning.training_messages import METADATA
from locales.languages import find_language


def text_to_read(message: Message, attribute: str = TEXT) -> str:
    """Return the text, as long as it is: encodable, and Chinese in simplified characters.

    A customer's message has its language from the `LanguageIdentifier`, a training message from its metadata.
    """
    recognised = message.get(LANGUAGE)
    spoken = recognised["detected"] if recognised else (message.get(METADATA) or {}).get("language")
    language = find_language(spoken)
    return make_encodable(simplify(message.get(attribute) or "", language.script if language else None))
