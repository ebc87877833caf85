"""The training messages: no message twice or nearly so, in the right script, of known labels, in balance."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from locales.languages import get_language, list_languages
from scripts.check_content.project import ROOT

OUT_OF_SCOPE = "out_of_scope"
MIN_MESSAGES = 50
MIN_OUT_OF_SCOPE = 300
# The largest label, out_of_scope aside, may have so many times the messages of the smallest, in one language;
MAX_LABEL_RATIO = 2.5
# and the language with the most messages so many times those of the one with the fewest.
# English is written to shops by people of the whole world.
MAX_LANGUAGE_RATIO = 2.0
# Share of character trigrams that two messages may have in common; short ones are alike by chance.
MAX_OVERLAP = 0.8
MIN_TRIGRAMS = 14
# Mean over a label's messages of the overlap with the one that is most like it: above this, somebody wrote
# to a pattern.
MAX_ALIKENESS = 0.45
# Share of a language's messages that may be written in letters that are not its own (romanised).
MAX_ROMANISED = 0.12

# Scripts (CLDR codes) by the first word of their letters' Unicode names.
LETTERS = {
    "Arab": {"ARABIC"},
    "Hans": {"CJK", "IDEOGRAPHIC"},
    "Hebr": {"HEBREW"},
    "Jpan": {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"},
    "Latn": {"LATIN"},
}
# Letters that stand in every script: ª, º, full-width forms, modifiers.
_EVERYBODYS = {"LATIN", "FEMININE", "MASCULINE", "FULLWIDTH", "MODIFIER", "MICRO", "SCRIPT"}
# "Do you speak Ukrainian?" may be asked in Ukrainian.
_MAY_BE_FOREIGN = {"change_language", "faq/supported_languages"}

_MARKUP = re.compile(r"\[([^\]]+)\](?:\([^)]+\)|\{[^}]+\})")


@dataclass(frozen=True)
class Line:
    """One training message: where it stands, what it means, and how it is compared."""

    path: Path
    label: str
    language: str | None
    """What it is written in; None for a language that the shop does not answer in."""
    text: str
    key: str
    trigrams: frozenset[str]


@dataclass
class Report:
    """What was found: problems, and the alikeness of each label by language."""

    problems: list[str] = field(default_factory=list)
    alikeness: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def lines(self) -> Iterator[str]:
        """Return a line for each label: how alike its messages are, on average and in the worst language."""
        for label, by_language in sorted(self.alikeness.items()):
            worst = max(by_language, key=lambda tag: by_language[tag])
            mean = sum(by_language.values()) / len(by_language)
            yield f"  {label:<28} {mean:.2f}, most in {worst} ({by_language[worst]:.2f})"


def fold(text: str) -> str:
    """Return a message as it is compared: no markup, case, accents, punctuation."""
    plain = unicodedata.normalize("NFC", _MARKUP.sub(r"\1", text)).casefold()
    return " ".join("".join(char if char.isalnum() else " " for char in plain).split()) or plain.strip()


def trigrams_of(key: str) -> frozenset[str]:
    padded = f" {key} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of trigrams that two messages have in common (Jaccard): 1 when they are the same."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def check_messages(folder: Path = ROOT) -> Report:
    """Check every language's messages of a project's folder."""
    report = Report()
    labels = known_labels(folder)
    totals: dict[str, int] = {}
    for language in list_languages():
        lines = list(_lines(folder, language.tag))
        totals[language.tag] = len(lines)
        report.problems += _check_labels(language.tag, lines, labels)
        report.problems += _check_dev(lines, measured_keys(folder, language.tag))
        report.problems += find_repeats(lines)
        report.problems += check_script(language.tag, lines)
        for label, alikeness in _alikeness(lines).items():
            report.alikeness[label][language.tag] = alikeness
            if alikeness > MAX_ALIKENESS:
                report.problems.append(
                    f"data/nlu/{language.tag}: the messages of {label} are too alike "
                    f"({alikeness:.2f}, at most {MAX_ALIKENESS})"
                )
    if totals and max(totals.values()) > MAX_LANGUAGE_RATIO * min(totals.values()):
        report.problems.append(f"data/nlu: languages are out of balance: {totals}")
    return report


def known_labels(folder: Path) -> set[str]:
    """Return the labels that the bot can do something with: topics and the domain's intents."""
    topics = yaml.safe_load((folder / "data" / "knowledge" / "topics.yml").read_text(encoding="utf-8"))
    labels = set(topics)
    for path in (folder / "bot" / "domain").glob("*.yml"):
        labels.update(yaml.safe_load(path.read_text(encoding="utf-8")).get("intents") or ())
    # "faq" is what Rasa calls all topics together; out_of_scope it knows by itself.
    return labels - {"faq"} | {OUT_OF_SCOPE}


def _lines(folder: Path, language: str) -> Iterator[Line]:
    for path in sorted((folder / "data" / "nlu" / language).glob("*.yml")):
        content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for block in content["nlu"]:
            written_in = (block.get("metadata") or {}).get("language")
            for line in block["examples"].splitlines():
                text = line.removeprefix("- ").strip()
                key = fold(text)
                yield Line(path, block["intent"], written_in, text, key, trigrams_of(key))


def _check_labels(language: str, lines: Sequence[Line], labels: set[str]) -> Iterator[str]:
    where = f"data/nlu/{language}"
    counts = Counter(line.label for line in lines)
    yield from (f"{where}: {label} is no label" for label in sorted(counts.keys() - labels))
    for label in sorted(labels):
        wanted = MIN_OUT_OF_SCOPE if label == OUT_OF_SCOPE else MIN_MESSAGES
        if counts[label] < wanted:
            yield f"{where}: {label} has {counts[label]} messages and needs {wanted}"
    ordinary = {label: counts[label] for label in sorted(labels & counts.keys() - {OUT_OF_SCOPE})}
    if ordinary and max(ordinary.values()) > MAX_LABEL_RATIO * min(ordinary.values()):
        most, least = max(ordinary, key=ordinary.__getitem__), min(ordinary, key=ordinary.__getitem__)
        yield f"{where}: {most} has {ordinary[most]} messages, {least} {ordinary[least]}: out of balance"


def measured_keys(folder: Path, language: str) -> set[str]:
    """Return the folded messages of a language that are only for measuring: dev and the others beside it."""
    paths = sorted((folder / "tests" / "data").glob(f"*/{language}.jsonl"))
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    keys = (fold(json.loads(line)["text"]) for line in lines)
    # One or two words ("ok", "no") are everybody's.
    return {key for key in keys if len(key) > 12 and (len(key.split()) > 2 or not key.isascii())}


def _check_dev(lines: Sequence[Line], dev: set[str]) -> Iterator[str]:
    yield from (f"{_where(line)} is a message to measure on" for line in lines if line.key in dev)


def find_repeats(lines: Sequence[Line]) -> Iterator[str]:
    """Return a problem for each message of one language that repeats another, to the letter or nearly."""
    seen: dict[str, Line] = {}
    for line in lines:
        if line.key in seen:
            yield f"{_where(line)} stands twice ({seen[line.key].label}, {line.label})"
        else:
            seen[line.key] = line
    yield from _near_repeats([line for line in seen.values() if len(line.trigrams) >= MIN_TRIGRAMS])


def _near_repeats(lines: Sequence[Line]) -> Iterator[str]:
    # Two sets that overlap enough share one of their rarest members (prefix filtering, Bayardo et al. 2007):
    # only those few are looked up.
    frequency = Counter(trigram for line in lines for trigram in line.trigrams)
    holders: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        rarest = sorted(line.trigrams, key=lambda trigram: (frequency[trigram], trigram))
        prefix = rarest[: len(rarest) - int(MAX_OVERLAP * len(rarest)) + 1]
        candidates = {id(other): other for trigram in prefix for other in holders[trigram]}
        for other in candidates.values():
            if overlap(line.trigrams, other.trigrams) > MAX_OVERLAP:
                yield f"{_where(line)} is nearly {other.text!r} ({other.label}, {line.label})"
        for trigram in prefix:
            holders[trigram].append(line)


def check_script(language: str, lines: Sequence[Line]) -> Iterator[str]:
    """Return a problem for each message with letters that its language does not have.

    Latin letters may stand in any language (brands, romanised messages), but only in so many messages.
    """
    own = LETTERS[get_language(language).script]
    romanised = 0
    for line in lines:
        if line.language != language:
            continue
        found = {unicodedata.name(char, "?").split(" ")[0] for char in line.text if char.isalpha()}
        if foreign := found - own - _EVERYBODYS:
            if line.label not in _MAY_BE_FOREIGN:
                yield f"{_where(line)} has letters of another script: {', '.join(sorted(foreign))}"
        elif found and not found & own:
            romanised += 1
    if romanised > MAX_ROMANISED * len(lines):
        yield f"data/nlu/{language}: {romanised} of {len(lines)} messages are in Latin letters"


def _alikeness(lines: Sequence[Line]) -> dict[str, float]:
    by_label: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if len(line.trigrams) >= MIN_TRIGRAMS:
            by_label[line.label].append(line)
    found = {}
    for label, members in by_label.items():
        most = [0.0] * len(members)
        for (first, one), (second, other) in combinations(enumerate(members), 2):
            common = overlap(one.trigrams, other.trigrams)
            most[first], most[second] = max(most[first], common), max(most[second], common)
        found[label] = sum(most) / len(most)
    return found


def _where(line: Line) -> str:
    return f"{line.path.parent.name}/{line.path.name}: {line.text!r}"
