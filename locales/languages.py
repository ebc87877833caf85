"""The languages that the shop answers in, and languages as people name them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from babel import Locale, localedata

LANGUAGES_FILE = Path(__file__).parent / "languages.yml"


class UnknownLanguageError(LookupError):
    """The tag names no language of `locales/languages.yml`."""


@dataclass(frozen=True)
class Language:
    tag: str
    locale: str
    endonym: str
    script: str
    direction: str
    market: str
    langdetect: str


@lru_cache(maxsize=1)
def _table() -> dict[str, Language]:
    entries = yaml.safe_load(LANGUAGES_FILE.read_text(encoding="utf-8"))
    return {
        tag: Language(tag=tag, langdetect=entry.pop("langdetect", tag), **entry)
        for tag, entry in entries.items()
    }


def list_languages() -> list[Language]:
    """Return every language of the shop, in the order of the file (the first is the last resort)."""
    return list(_table().values())


def find_language(tag: str | None) -> Language | None:
    """Return the language for a BCP 47 tag or POSIX locale ("it", "it-CH", "he_IL", "iw"), or None."""
    if not tag:
        return None
    primary = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    # ISO 639-1 renamed Hebrew in 1989; old browsers and WeChat still send the former code.
    return _table().get({"iw": "he"}.get(primary, primary))


def get_language(tag: str) -> Language:
    """Return the language for a tag.

    Raises:
        UnknownLanguageError: The shop does not answer in it.
    """
    language = find_language(tag)
    if language is None:
        raise UnknownLanguageError(f"{tag!r} is none of {', '.join(_table())} (locales/languages.yml)")
    return language


def _fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).strip()


# Languages that customers ask for by name although the shop may not speak them: enough of CLDR to say so.
# fmt: off
_ASKED_FOR = (
    "en", "he", "vi", "it", "nl", "fr", "de", "es", "pt", "ja", "zh", "ar", "ko", "ru", "pl", "tr",
    "id", "th", "hi", "uk", "sv", "el", "cs", "ro", "da", "nb", "fi", "hu", "bg", "sr", "hr", "sk",
    "sl", "et", "lv", "lt", "fa", "ur", "bn", "ta", "tl", "ms", "am", "yi", "ka", "hy", "az", "kk",
    "ca", "eu", "gl", "ga", "cy", "sq", "mk",
)
# fmt: on


@lru_cache(maxsize=1)
def own_names() -> dict[str, str]:
    """Return what languages are called in themselves, as CLDR writes it, by ISO 639-1 code."""
    # All others begin with the root.
    kept = {"root", *localedata._cache}
    found = {}
    for tag in _ASKED_FOR:
        found[tag] = Locale.parse(tag).languages.get(tag)
        # Babel keeps whatever it has read: 55 MB for all of these, of which nothing else is needed.
        for name in localedata._cache.keys() - kept:
            del localedata._cache[name]
    return {tag: name for tag, name in found.items() if name}


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Map a folded language name, as written in each of the shop's languages, to its tag."""
    # Of two languages called the same the first one counts.
    names = {_fold(name): tag for tag, name in reversed(own_names().items())}
    for language in list_languages():
        in_language = Locale.parse(language.locale).languages
        names[_fold(language.endonym)] = language.tag
        for tag in _ASKED_FOR:
            name = in_language.get(tag)
            if name:
                names.setdefault(_fold(name), tag)
                # "tiếng Anh" is also said "Anh"; Hebrew asks for "באנגלית" (in English).
                if language.tag == "vi" and _fold(name).startswith("tieng "):
                    names.setdefault(_fold(name)[len("tieng ") :], tag)
    return names


def find_language_by_name(name: str) -> str | None:
    """Return the ISO 639-1 code of a language named in any of the shop's languages, or None.

    The code may be one that the shop does not answer in. Names come from CLDR through Babel.
    """
    folded = _fold(name)
    return _names().get(folded)


def language_names() -> dict[str, str]:
    """Return every known language name (folded: lower case, no accents) with its ISO 639-1 code."""
    return dict(_names())


def fold(text: str) -> str:
    """Lower-case and strip accents, as the names in `language_names` are."""
    return _fold(text)


def display_name(tag: str, language: str) -> str:
    """Return the name of language `tag` as said in `language`, e.g. ("he", "it") → "ebraico"."""
    return str(Locale.parse(get_language(language).locale).languages.get(tag, tag))
