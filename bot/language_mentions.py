"""Finds languages that a text names, in any of the shop's languages or their own ("באנגלית", "Deutsch")."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babel import Locale

from locales.languages import fold, language_names, list_languages, own_names

# A run of letters of one kind: Hebrew and Arabic write "in", "the", "and" joined to the word, Italian with an
# apostrophe. Chinese, Japanese and Thai write a whole sentence in one run, Korean joins what follows.
_ARABIC = r"\u0620-\u065f\u066e-\u06d3\u06d5-\u06ff"
_UNSPACED = r"\u0e00-\u0e7f\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_OTHER = rf"[^\W\d_\u0590-\u06ff{_UNSPACED}]"
_WORD = re.compile(rf"[\u0590-\u05ff]+|[{_ARABIC}]+|[{_UNSPACED}]+|{_OTHER}+(?:-{_OTHER}+)*")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_PREFIXES = (
    re.compile(r"[ולבכמהש]{1,3}(?=[\u05d0-\u05ea]{3})"),
    re.compile(r"(?:و|ف)?(?:بال|لل|ال|ب|ل)(?=[\u0621-\u064a]{3})"),
)
# "The English (language)", as CLDR has it, is also said without the article and as the adjective: إنجليزي.
_ARABIC_NAME = re.compile(r"ال(.+ي)ة")

# Names so short are everyday words as well, and so are those that are only the tail of a name (Vietnamese
# "tiếng Anh" is English, "Anh" also "you"; "Hà Lan" is also the country): they count only where little else
# is said.
_SHORT = 3
_LITTLE_ELSE = 3


@dataclass(frozen=True)
class Mention:
    """`text[start:end]` names the language with the ISO 639-1 code."""

    start: int
    end: int
    code: str


class LanguageMentions:
    """Knows the names of languages."""

    def __init__(self, more_names: Mapping[str, str] | None = None) -> None:
        """Collect the names that CLDR has.

        Args:
            more_names: What people also call languages (colloquial, romanised), with ISO 639-1 codes.
        """
        self._folded = language_names()
        full = _written_names(set(self._folded.values()))
        for match in filter(None, map(_ARABIC_NAME.fullmatch, list(full))):
            code = self._folded[fold(match.group())]
            for name in (match[1], f"{match[1]}ة", f"ال{match[1]}"):
                self._folded.setdefault(fold(name), code)
                full.add(name)
        for name, code in (more_names or {}).items():
            self._folded[fold(name)] = code
            full.add(_lower(name))
        self._unspaced = sorted(filter(_IS_UNSPACED.match, full), key=len, reverse=True)
        # As written, with accents and without.
        self._full = full | {fold(name) for name in full}
        self._tails = {_tail(name) for name in full} | {_tail(fold(name)) for name in full}
        self._most_words = max(len(name.split()) for name in self._folded)
        self._first_words = {name.split()[0] for name in self._folded}

    def find(self, text: str) -> list[Mention]:
        """Return the languages named, in order; of overlapping names the longest."""
        words = list(_WORD.finditer(text))
        folded = [fold(word.group()) for word in words]
        mentions = []
        position = 0
        while position < len(words):
            if _IS_UNSPACED.match(words[position].group()):
                mentions += self._mentions_within(words[position])
                position += 1
                continue
            mention, used = self._mention_at(text, words, folded, position)
            if mention:
                mentions.append(mention)
            position += used
        return mentions

    def _mentions_within(self, run: re.Match[str]) -> list[Mention]:
        """Return the languages named anywhere in a run of characters that has no spaces between words."""
        mentions = []
        letters = run.group()
        position = 0
        while position < len(letters):
            name = next((name for name in self._unspaced if letters.startswith(name, position)), None)
            if name:
                start = run.start() + position
                mentions.append(Mention(start, start + len(name), self._folded[fold(name)]))
            position += len(name or " ")
        return mentions

    def _mention_at(
        self, text: str, words: Sequence[re.Match[str]], folded: Sequence[str], position: int
    ) -> tuple[Mention | None, int]:
        first = words[position]
        if folded[position] in self._first_words:
            for count in range(min(self._most_words, len(words) - position), 0, -1):
                name = " ".join(folded[position : position + count])
                end = words[position + count - 1].end()
                if self._is_named(name, text[first.start() : end], len(words)):
                    return Mention(first.start(), end, self._folded[name]), count
        for prefix in _PREFIXES:
            match = prefix.match(first.group())
            for cut in range(1, match.end() + 1) if match else ():
                name = fold(first.group()[cut:])
                if name in self._folded:
                    return Mention(first.start() + cut, first.end(), self._folded[name]), 1
        return None, 1

    def _is_named(self, name: str, written: str, words: int) -> bool:
        if name not in self._folded:
            return False
        # Accents may be left out, but not be others: Vietnamese "trùng" (the same) is not "Trung" (Chinese).
        lower = _lower(written)
        strong = lower in self._full and len(lower) > _SHORT
        return strong or (words <= _LITTLE_ELSE and (lower in self._full or lower in self._tails))


def _lower(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _written_names(codes: set[str]) -> set[str]:
    """Return the names as they are written, accents and all."""
    names: set[str] = set()
    for code in codes:
        said = [own_names().get(code)]
        said += [Locale.parse(language.locale).languages.get(code) for language in list_languages()]
        names.update(_lower(name) for name in said if name)
    return names | {_lower(language.endonym) for language in list_languages()}


def _tail(name: str) -> str:
    """Return a name without its first word: "tiếng Anh" is also said "Anh"."""
    return name.partition(" ")[2]
