"""Spoils a training message the way a hurried customer would, so that spelling does not carry the meaning.

Capitals are left alone: the normalisation makes every text lower case before the encoder sees it.
"""

from __future__ import annotations

import random
import re

from bot.learning.text import drop_accents

# How often each kind of damage is done to a message; they add up, so about half of them stay whole.
_ACCENTS_LOST = 0.15
_TYPOS = 0.20
_PUNCTUATION_LOST = 0.15
_SPACE_LOST = 0.05
_WORD_LOST = 0.10
_EMOJI_ADDED = 0.06
# A shorter message may lose its meaning with one word.
_WORDS_TO_SPARE = 5
_EMOJI = "🙏😀😅😡🤔😢👍❤😭🙄😊📦👀🔥💔"
# How a piece can be cut in two that are pieces themselves.
Splits = dict[int, list[tuple[int, int]]]


def mistype(text: str, generator: random.Random) -> str:
    """Return the text with one slip inside it: two letters swapped, one lost, doubled or replaced."""
    if len(text) < 4:
        return text
    at = generator.randrange(1, len(text) - 1)
    before, here, following = text[:at], text[at], text[at + 1 :]
    slips = [
        before + following[0] + here + following[1:],
        before + following,
        before + here + here + following,
        # A letter of the same message is of the same script.
        before + generator.choice(text) + following,
    ]
    return generator.choice(slips)


def _change_digits(text: str, generator: random.Random) -> str:
    """Return the text with other digits in its long numbers: an order number means nothing by itself."""
    return re.sub(r"\d{3,}", lambda number: "".join(generator.choices("0123456789", k=len(number[0]))), text)


def _drop_word(text: str, generator: random.Random) -> str:
    words = text.split()
    if len(words) <= _WORDS_TO_SPARE:
        return text
    del words[generator.randrange(len(words))]
    return " ".join(words)


def _drop_space(text: str, generator: random.Random) -> str:
    spaces = [position for position, character in enumerate(text) if character == " "]
    if not spaces:
        return text
    position = generator.choice(spaces)
    return text[:position] + text[position + 1 :]


def spoil(text: str, generator: random.Random) -> str:
    """Return the text as it might come on a bad day; never empty if the text is not."""
    spoilt = _change_digits(text, generator)
    if generator.random() < _ACCENTS_LOST:
        spoilt = drop_accents(spoilt)
    if generator.random() < _PUNCTUATION_LOST:
        spoilt = re.sub(r"[^\w\s#@]", "", spoilt)
    if generator.random() < _WORD_LOST:
        spoilt = _drop_word(spoilt, generator)
    if generator.random() < _SPACE_LOST:
        spoilt = _drop_space(spoilt, generator)
    if generator.random() < _TYPOS:
        for _ in range(1 + len(spoilt) // 40):
            spoilt = mistype(spoilt, generator)
    if generator.random() < _EMOJI_ADDED:
        spoilt = f"{spoilt} {generator.choice(_EMOJI)}"
    return spoilt.strip() or text


def find_splits(vocabulary: dict[str, int]) -> Splits:
    """Return for each piece the ways to cut it in two that are in the vocabulary as well."""
    splits: Splits = {}
    for piece, number in vocabulary.items():
        # "<0x41>" and "<pad>" stand for a byte and for nothing: they are no text to cut.
        if piece.startswith("<") and piece.endswith(">"):
            continue
        halves = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        ways = [
            (vocabulary[one], vocabulary[two])
            for one, two in halves
            if one in vocabulary and two in vocabulary
        ]
        if ways:
            splits[number] = ways
    return splits


def cut_pieces(pieces: list[int], splits: Splits, generator: random.Random, share: float) -> list[int]:
    """Return the pieces with a share of them cut in two, so that no word is known by its whole form alone."""
    cut: list[int] = []
    for piece in pieces:
        if piece in splits and generator.random() < share:
            cut += generator.choice(splits[piece])
        else:
            cut.append(piece)
    return cut
