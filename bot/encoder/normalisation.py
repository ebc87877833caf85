"""What a message is reduced to before it is cut into pieces: one table, used by both tokenisers.

SentencePiece applies the table by the longest match and keeps track of the offsets; the `tokenizers` library
applies it character by character after NFC. `bot.encoder.vocabulary` checks that both give the same.

The choices:

- Lower case: chat messages capitalise at random, and no label depends on case.
- Compatibility forms (full-width letters, ligatures, superscripts) become plain ones, all digits ASCII.
- Hebrew points and cantillation, Arabic harakat, tatweel and alef variants go: almost nobody types them.
- Accents and tones that belong to a letter stay (composed, in whatever order they were typed): Vietnamese
  would lose half its meaning. Marks that compose with nothing go.
- Typographic quotes and dashes become the ones on the keyboard; format characters and skin tones go.
"""

from __future__ import annotations

import sys
import unicodedata
from itertools import permutations

# Unicode ranges (first, last) of marks that are dropped where they stand alone, that is, after composition.
_DROPPED_MARKS = (
    (0x0300, 0x036F),  # combining accents
    (0x0483, 0x0489),  # Cyrillic titlo and the like
    (0x0591, 0x05BD),  # Hebrew cantillation and points
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x0610, 0x061A),  # Arabic signs and harakat
    (0x0640, 0x0640),  # tatweel
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06DC),
    (0x06DF, 0x06E8),
    (0x06EA, 0x06ED),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),  # keycaps and enclosing marks
    (0x3099, 0x309A),  # Japanese voicing marks without a letter to voice
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFE20, 0xFE2F),
    (0x1F3FB, 0x1F3FF),  # skin tones
)
_REPLACED = {
    **dict.fromkeys("‘’‚‛′´`ʼʹ׳", "'"),
    **dict.fromkeys("“”„‟″«»״", '"'),
    **dict.fromkeys("‐‑‒–—―−־", "-"),
    "⁄": "/",
    **dict.fromkeys("أإآٱ", "ا"),
    "ى": "ي",
    "ς": "σ",
    # SentencePiece's own sign for a space: typed by a customer it must not pass for one.
    "\u2581": " ",
}
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
_COMPATIBILITY_JAMO = range(0x3130, 0x3190)
_HALF_WIDTH_JAMO = range(0xFFA0, 0xFFDD)


def _is_dropped(character: str) -> bool:
    point = ord(character)
    return any(first <= point <= last for first, last in _DROPPED_MARKS)


def _simplify(character: str) -> str:
    """Return what is left of one character that has no compatibility form of its own."""
    if character in _REPLACED:
        return _REPLACED[character]
    if _is_dropped(character):
        return ""
    category = unicodedata.category(character)
    if character.isspace() or category in ("Zs", "Zl", "Zp"):
        return " "
    if category in ("Cc", "Cf"):
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    return character


def _expand(character: str) -> str:
    point = ord(character)
    if point in _COMPATIBILITY_JAMO:
        # NFKC would make conjoining jamo of them, and "ㅋㅠ" (a laugh, a tear) would become a syllable.
        return character
    if point in _HALF_WIDTH_JAMO:
        return chr(int(unicodedata.decomposition(character).split()[-1], 16))
    return unicodedata.normalize("NFKC", character)


def normalise_character(character: str) -> str:
    """Return what one character becomes: nothing, another character or several."""
    if character in _REPLACED:
        return _REPLACED[character]
    lowered = (lower for part in _expand(character) for lower in part.lower())
    return "".join(_simplify(part) for part in lowered)


def _spellings(character: str) -> set[str]:
    """Return the ways to spell a composed character with combining marks, whatever their order."""
    base, *marks = list(unicodedata.normalize("NFD", character))
    spellings = set()
    for order in permutations(marks):
        decomposed = base + "".join(order)
        if unicodedata.normalize("NFC", decomposed) != character:
            continue
        for taken in range(len(order)):
            start = unicodedata.normalize("NFC", base + "".join(order[:taken]))
            if len(start) == 1:
                spellings.add(start + "".join(order[taken:]))
    return spellings


def build_rules() -> dict[str, str]:
    """Return the table: what is replaced (one character or a spelled-out one) and by what."""
    rules = {}
    for point in range(1, sys.maxunicode + 1):
        if 0xD800 <= point <= 0xDFFF:
            continue
        character = chr(point)
        if unicodedata.category(character) in ("Cn", "Co"):
            continue
        normal = normalise_character(character)
        if normal != character:
            rules[character] = normal
        # Every keyboard types Korean composed; its 11,172 spelled-out syllables would double the table.
        if point in _HANGUL_SYLLABLES or len(unicodedata.normalize("NFD", character)) == 1:
            continue
        for spelling in _spellings(character):
            rules[spelling] = normal
    return rules
