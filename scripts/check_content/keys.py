"""The keys of the catalogues and the code that names them: none is missing, none is left over.

Python calls are read by Babel's extraction; scripts, templates and the domain name keys as plain strings, and
some are put together (f"label.{label}"): their first part counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_file

from locales import catalogue
from scripts.check_content.catalogues import SOURCE_LANGUAGE
from scripts.check_content.project import ROOT

# catalogue.text(domain, KEY, …), catalogue.plural(domain, KEY, …), notify_customer(session, conversation,
# traits, KEY, …): which argument is the key.
_CALLS = {"text": (2,), "plural": (2,), "notify_customer": (4,)}
_SOURCES = (
    "handoff/**/*.py", "handoff/**/*.js", "handoff/**/*.html", "bot/**/*.py", "bot/domain/*.yml",
    "actions/**/*.py", "scripts/*.py",
)  # fmt: skip
_LITERAL = re.compile(r"""["'`]([a-z][a-z0-9_.]*)["'`]|^\s*-?\s*text: (\S+)$""", re.MULTILINE)
# f"label.{label}", `label.${label}`, "category_" ~ category
_BEGINNING = re.compile(r"""["'`]([a-z][a-z0-9_.]*)(?:\$?\{|["'] ~)""")
# f"{dialogue}.note"
_ENDING = re.compile(r"""["'`]\$?\{[a-z_.]+\}(\.[a-z0-9_.]+)["'`]""")
_KEY = re.compile(r"[a-z]+(?:[._][a-z0-9_]+)+")


def check_keys(folder: Path = ROOT) -> Iterator[str]:
    """Return a problem for each key that code asks for in vain, and for each that no code asks for."""
    keys = {
        key
        for domain in catalogue.DOMAINS
        for message in catalogue.read_catalogue(domain, SOURCE_LANGUAGE)
        if (key := message.id if isinstance(message.id, str) else message.id[0])
    }
    sources = [path for pattern in _SOURCES for path in sorted(folder.glob(pattern))]
    for path in sources:
        if path.suffix == ".py":
            for line, asked, _, _ in extract_from_file("python", str(path), keywords=dict(_CALLS)):
                if isinstance(asked, str) and _KEY.fullmatch(asked) and asked not in keys:
                    yield f"{path.relative_to(folder)}:{line}: no catalogue has {asked!r}"
    named, beginnings, endings = _named(sources)
    for key in sorted(keys):
        # The console and the widget name theirs without the catalogue's name.
        forms = (key, key.partition(".")[2])
        stems = [form.removesuffix(ending) for form in forms for ending in endings if form.endswith(ending)]
        if not any(form in named or form.startswith(beginnings) for form in (*forms, *stems)):
            yield f"locales/{SOURCE_LANGUAGE}: nothing names {key!r}"


def _named(sources: list[Path]) -> tuple[set[str], tuple[str, ...], set[str]]:
    """Return what stands in quotes, and what keys that are put together begin and end with."""
    literals: set[str] = set()
    beginnings: set[str] = set()
    endings: set[str] = set()
    for path in sources:
        text = path.read_text(encoding="utf-8")
        literals.update(one or other for one, other in _LITERAL.findall(text))
        beginnings.update(_BEGINNING.findall(text))
        endings.update(_ENDING.findall(text))
    # A catalogue's name alone ("console.{key}") would cover all that is in it.
    whole = {beginning for beginning in beginnings if beginning.rstrip(".") in catalogue.DOMAINS}
    return literals, tuple(beginnings - whole), endings
