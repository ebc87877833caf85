"""Texts that people read, from gettext catalogues `locales/<lang>/LC_MESSAGES/<domain>.po`.

A msgid is a key (`widget.send`), English is a catalogue like the others. `python -m locales.catalogue`
compiles them all; a `.po` newer than its `.mo` is compiled in memory, so that an edit is never masked.
"""

from __future__ import annotations

import gettext
import io
import sys
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from locales.languages import list_languages

LOCALES_FOLDER = Path(__file__).parent
DOMAINS = ("bot", "service", "widget", "storefront", "console")


class MissingTextError(LookupError):
    """A catalogue has no text for the key; `make check` finds these before a customer does."""


def catalogue_path(domain: str, language: str) -> Path:
    return LOCALES_FOLDER / language / "LC_MESSAGES" / f"{domain}.po"


def read_catalogue(domain: str, language: str) -> Catalog:
    """Parse one `.po` file. Raises FileNotFoundError, or babel's PoFileError with the line."""
    with catalogue_path(domain, language).open("rb") as file:
        return read_po(file, locale=language, domain=domain, abort_invalid=True)


@cache
def _translations(domain: str, language: str) -> gettext.GNUTranslations:
    source = catalogue_path(domain, language)
    compiled = source.with_suffix(".mo")
    if compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime:
        with compiled.open("rb") as file:
            return gettext.GNUTranslations(file)
    buffer = io.BytesIO()
    write_mo(buffer, read_catalogue(domain, language))
    buffer.seek(0)
    return gettext.GNUTranslations(buffer)


def text(domain: str, key: str, language: str, /, **values: Any) -> str:
    """Return the text for a key with `{name}` placeholders filled in.

    Raises:
        MissingTextError: No such key in that catalogue.
        KeyError: A placeholder has no value.
    """
    found = _translations(domain, language).gettext(key)
    if found == key:
        raise MissingTextError(f"{catalogue_path(domain, language)} has no text for {key!r}")
    return found.format_map(values) if values else found


def plural(domain: str, key: str, language: str, count: int, /, **values: Any) -> str:
    """Return the text in the plural form that `count` takes in the language; `{count}` is filled in.

    Raises:
        MissingTextError: No such key in that catalogue.
    """
    found = _translations(domain, language).ngettext(key, f"{key}.other", count)
    if found in (key, f"{key}.other"):
        raise MissingTextError(f"{catalogue_path(domain, language)} has no plural text for {key!r}")
    return found.format_map({"count": count, **values})


def words(domain: str, language: str) -> dict[str, str]:
    """Return every singular text of a catalogue by key."""
    return {
        str(message.id): str(message.string)
        for message in read_catalogue(domain, language)
        if message.id and isinstance(message.id, str)
    }


def compile_catalogues() -> int:
    """Write every `.mo` beside its `.po` where it is older; return how many were written."""
    written = 0
    for language in list_languages():
        for domain in DOMAINS:
            source = catalogue_path(domain, language.tag)
            compiled = source.with_suffix(".mo")
            if compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime:
                continue
            parsed = read_catalogue(domain, language.tag)
            with compiled.open("wb") as file:
                write_mo(file, parsed)
            written += 1
    return written


if __name__ == "__main__":
    sys.stdout.write(f"{compile_catalogues()} catalogues compiled\n")
