"""What a training message carries in its metadata: the label, the language and the author."""

from __future__ import annotations

from collections.abc import Sequence

from rasa.shared.nlu.training_data.message import Message

from bot.training_data import author_number

METADATA = "metadata"


def label_of(message: Message) -> str:
    return str(message.get(METADATA)["label"])


def language_of(message: Message) -> str | None:
    """Return what the message is written in; None for a language that the shop does not answer in."""
    language: str | None = message.get(METADATA)["language"]
    return language


def author_group(message: Message) -> int:
    """Return 0 or 1: whether the number in the author's name is even or odd ("it-2" → 0).

    Messages of one author resemble each other. Holding out half of the authors, in every language at once,
    measures what a stranger's message meets, with one model instead of one an author.
    """
    return author_number(message.get(METADATA)["author"]) % 2


def hold_out(groups: Sequence[int]) -> list[bool]:
    """Return which messages to hold out: one group of authors; where all are of one, every other message."""
    held = max(groups)
    if min(groups) == held:
        return [position % 2 == 1 for position in range(len(groups))]
    return [group == held for group in groups]
