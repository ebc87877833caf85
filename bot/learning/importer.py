"""Gives Rasa the training messages as our components want them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.constants import INTENT, TEXT, TEXT_TOKENS
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.learning.text import drop_accents
from bot.learning.training_messages import METADATA
from bot.training_data import TrainingMessage, read_messages
from locales.languages import find_language

# Share of a message's words that lose an accent.
_CHANGED = 1 / 3


class LabelImporter(RasaFileImporter):
    """Reads data/nlu/ with our own reader (bot.training_data); named in config.yml.

    Rasa takes a label with a slash for a retrieval intent and asks for responses and a ResponseSelector. Here
    the intent is what the rules know ("faq"), and the whole label ("faq/return_policy") stands in the
    metadata. Marked entities are left out: ours are found without training.

    A message that accents change much is there once more without them.
    """

    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        """Return the training messages of every language. Raises TrainingDataError."""
        messages = [message for file in self._nlu_files for message in read_messages(Path(file))]
        return TrainingData([_as_rasa_message(message) for message in add_bare_copies(messages)])


def add_bare_copies(messages: Iterable[TrainingMessage]) -> list[TrainingMessage]:
    """Return the messages, and after them those once more without accents that these change much."""
    given = list(messages)
    # What somebody has written so, whatever they meant, is known already.
    taken = {message.text.lower() for message in given}
    copies = []
    for message in given:
        copied = _bare_copy(message)
        if copied and copied.text.lower() not in taken:
            taken.add(copied.text.lower())
            copies.append(copied)
    return [*given, *copies]


def _bare_copy(message: TrainingMessage) -> TrainingMessage | None:
    """Return a message as typed without accents, or None where these change too few of its words.

    Many Vietnamese customers type none, few authors do: of such messages by authors not seen n-grams told
    67 % at first guess, with these copies 84 % (and 87 instead of 86 % of the messages with accents).
    Elsewhere accents are rare enough for the words without them to be known.
    """
    language = find_language(message.language)
    if language is None or language.script != "Latn":
        return None
    words = message.text.split()
    bare = [drop_accents(word) for word in words]
    changed = sum(before != after for before, after in zip(words, bare, strict=True))
    if changed < _CHANGED * len(words):
        return None
    return replace(message, text=" ".join(bare), entities=())


class FingerprintedMessage(Message):
    """A message whose fingerprint takes a tenth of the time, and a copy of it as well.

    Rasa asks for the fingerprint after every component, to know which of the next ones it has trained before:
    a minute for the messages of twelve languages, most of it spent on writing tokens as JSON. It copies all
    messages deeply whenever it puts the data of its importers together, which took another.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> FingerprintedMessage:
        """Return a message of its own to add to and take from; texts, metadata and features are shared, as
        nobody changes these.
        """
        copied = FingerprintedMessage(
            dict(self.data), set(self.output_properties), self.time, list(self.features)
        )
        copied._cached_fingerprint = self._cached_fingerprint
        return copied

    def fingerprint(self) -> str:
        """Return a hash of everything that a component may have learnt from."""
        known_already: str | None = self._cached_fingerprint  # type: ignore[has-type]
        if known_already is None:
            digest = hashlib.blake2b(digest_size=16)
            for name, value in sorted(self.data.items()):
                known = value
                if name == TEXT_TOKENS:
                    known = [(token.start, token.end, token.lemma) for token in value]
                digest.update(repr((name, known)).encode("utf-8", "surrogatepass"))
            for features in self.features:
                digest.update(f"{features.type} {features.origin} {features.attribute}".encode())
                digest.update(
                    features.features.tobytes() if features.is_dense() else features.fingerprint().encode()
                )
            known_already = self._cached_fingerprint = digest.hexdigest()
        return known_already


def _as_rasa_message(message: TrainingMessage) -> Message:
    metadata: dict[str, Any] = {
        "label": message.label,
        "language": message.language,
        "author": message.author,
    }
    return FingerprintedMessage(
        {TEXT: message.text, INTENT: message.label.partition("/")[0], METADATA: metadata}
    )
