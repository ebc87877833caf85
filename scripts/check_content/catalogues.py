"""The catalogues: the same keys, placeholders and plural forms in every language, nothing fuzzy or empty."""

from __future__ import annotations

import string
from collections.abc import Iterator

from babel.messages.catalog import Catalog, Message

from locales import catalogue
from locales.languages import list_languages
from scripts.check_content.project import ROOT

SOURCE_LANGUAGE = "en"


def placeholders(text: str) -> set[str]:
    """Return the names in braces. Raises ValueError on a brace that is not closed."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _strings(message: Message) -> list[str]:
    return (
        [message.string] if isinstance(message.string, str) else [text or "" for text in message.string or ()]
    )


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else str(message.id[0])


def check_catalogues() -> Iterator[str]:
    for domain in catalogue.DOMAINS:
        source = catalogue.read_catalogue(domain, SOURCE_LANGUAGE)
        for language in list_languages():
            path = catalogue.catalogue_path(domain, language.tag)
            where = path.relative_to(ROOT)
            if not path.exists():
                yield f"{where}: missing"
                continue
            yield from (
                f"{where}: {p}"
                for p in _check_catalogue(source, catalogue.read_catalogue(domain, language.tag))
            )


def _check_catalogue(source: Catalog, other: Catalog) -> Iterator[str]:
    wanted = {_key(message): message for message in source if message.id}
    found = {_key(message): message for message in other if message.id}
    yield from (f"{key} is missing" for key in wanted.keys() - found.keys())
    yield from (f"{key} is not in English" for key in found.keys() - wanted.keys())
    for key in wanted.keys() & found.keys():
        message = found[key]
        if message.fuzzy:
            yield f"{key} is fuzzy"
        texts = _strings(message)
        if not all(text.strip() for text in texts):
            yield f"{key} is empty"
        if message.pluralizable and len(texts) != other.num_plurals:
            yield f"{key} has {len(texts)} plural forms, the language has {other.num_plurals}"
        try:
            expected = set().union(*(placeholders(text) for text in _strings(wanted[key])))
            actual = set().union(*(placeholders(text) for text in texts))
        except ValueError as error:
            yield f"{key}: {error}"
            continue
        # A form for "one" may do without the number.
        if actual - expected or (expected - actual) - ({"count"} if message.pluralizable else set()):
            yield f"{key} has placeholders {sorted(actual)}, English {sorted(expected)}"
