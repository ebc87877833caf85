"""What the parts are worth with less than all messages, and for bad typing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot.encoder.noise import spoil
from bot.evaluation import Example
from bot.training_data import HELD_OUT_LANGUAGE, TrainingMessage, last_authors

_SEED = 1


def spoil_examples(examples: Sequence[Example]) -> list[Example]:
    """Return the messages as they might come on a bad day: accents, letters, spaces, full stops lost."""
    generator = random.Random(_SEED)
    spoilt = []
    for example in examples:
        text = example.text
        # Half the draws leave a message as it is.
        for _ in range(20):
            text = spoil(example.text, generator)
            if text != example.text:
                break
        spoilt.append(replace(example, text=text))
    return spoilt


def take_first(messages: Sequence[TrainingMessage], most: int) -> list[TrainingMessage]:
    """Return the first so many messages of each label and language."""
    taken: Counter[tuple[str, str | None]] = Counter()
    kept = []
    for message in messages:
        key = message.label, message.language
        taken[key] += 1
        if taken[key] <= most:
            kept.append(message)
    return kept


def hold_out_authors(
    messages: Sequence[TrainingMessage],
) -> tuple[list[TrainingMessage], dict[str, list[Example]]]:
    """Return the messages without those of the last author of every language, and theirs by language."""
    out = last_authors(messages)
    asked: dict[str, list[Example]] = {}
    for message in messages:
        if message.author in out and message.language:
            example = Example(message.text, message.language, (message.label,))
            asked.setdefault(message.language, []).append(example)
    return [message for message in messages if message.author not in out], dict(sorted(asked.items()))


def hold_out_language(messages: Sequence[TrainingMessage]) -> list[TrainingMessage]:
    """Return the messages that are not in the language held out."""
    return [message for message in messages if message.language != HELD_OUT_LANGUAGE]


def encoder_without(run: Path, name: str) -> str:
    """Return the folder of an encoder that `bot.encoder.train --measure` has left in the folder of its run.

    Raises:
        FileNotFoundError: It has left none there.
    """
    folder = run / f"without-{name}"
    if not (folder / "model.onnx").is_file():
        raise FileNotFoundError(f"{folder}: no encoder; `make encoder CORPORA=folder` leaves one there")
    return str(folder.resolve())
