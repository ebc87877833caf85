"""What customers and agents type, made safe to keep and to show."""

from __future__ import annotations

import re
import unicodedata

from handoff.conversations.errors import EmptyMessageError, MessageTooLongError

# Control characters but tab and newline; NUL cannot be stored by PostgreSQL.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# A flood of invisible characters or combining marks hides text or draws over its neighbours.
_INVISIBLE = re.compile(r"([\u200b-\u200f\u2060-\u2064\ufeff\u00ad]){3,}")
_LINES = re.compile(r"\n{4,}")
_MARKS_IN_A_ROW = 4

NO_NUL = r"^[^\x00]*$"
"""Pattern of a text that is kept as it came: PostgreSQL refuses NUL."""
MAX_SEQ = 2**31 - 1
"""The largest position in an event log that every database takes as one."""


def clean_text(text: str, max_characters: int) -> str:
    """Return typed text without what can't be stored or shown: lone surrogates, control characters, floods.

    Raises:
        EmptyMessageError: Nothing that a person could read is left.
        MessageTooLongError: It is longer than `max_characters` code points.
    """
    if len(text) > max_characters:
        raise MessageTooLongError(f"{len(text)} characters", max_characters=max_characters)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", text)
    text = _INVISIBLE.sub(r"\1", text)
    text = _limit_marks(text)
    text = _LINES.sub("\n\n\n", text).strip()
    if not any(_is_visible(character) for character in text):
        raise EmptyMessageError()
    return text


def _limit_marks(text: str) -> str:
    kept: list[str] = []
    in_a_row = 0
    for character in text:
        in_a_row = in_a_row + 1 if unicodedata.combining(character) else 0
        if in_a_row <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZM"
