"""Reads parallel texts: folders of `parallel/<source>.tsv.xz` with lines `English<TAB>language<TAB>text`."""

from __future__ import annotations

import lzma
import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

# Kept for measuring how well a sentence finds its translation; never trained on.
EVALUATION_SOURCE = "ntrex"
# Product categories and map features: noun phrases only, and so many that they would drown everything else.
_NOUN_PHRASES = {"shopify_taxonomy", "osm_presets"}
# CC-BY-SA: whether weights trained on such texts must be shared alike is unsettled; there is enough without.
_SHARE_ALIKE = {"mkqa_mia", "xquad", "pud", "korean_parallel"}
_LEFT_OUT = {EVALUATION_SOURCE, *_NOUN_PHRASES, *_SHARE_ALIKE}
# At most so many pairs of a source and language, so that no one project's wording dominates.
_MOST_PAIRS = 5_000
# Whole sentences by people, as close as these texts come to chat.
_MOST_SENTENCES = {"tatoeba": 30_000}
_SHORTEST, _LONGEST = 4, 300  # characters


@dataclass(frozen=True)
class Pair:
    """A text in English and the same in another language."""

    english: str
    language: str
    text: str
    source: str


class CorporaError(ValueError):
    """The folder holds no parallel texts, or a line of them has another form."""


def _name_source(path: Path) -> str:
    return path.name.removesuffix(".tsv.xz")


def _read_source(path: Path, languages: set[str]) -> dict[str, list[Pair]]:
    source = _name_source(path)
    pairs: dict[str, list[Pair]] = defaultdict(list)
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3:
                raise CorporaError(f"{path}: line {number} has {len(fields)} fields instead of 3")
            english, language, text = fields
            if language in languages and all(_SHORTEST <= len(side) <= _LONGEST for side in (english, text)):
                pairs[language].append(Pair(english, language, text, source))
    return pairs


def list_pairs(folder: Path, languages: set[str], seed: int) -> list[Pair]:
    """Return the pairs to train on, capped by source and language, in an order fixed by the seed.

    The languages take turns, so that the first so many pairs are of all of them alike.

    Raises:
        CorporaError: There are no such files, none of these languages, or a line has another form.
    """
    paths = sorted((folder / "parallel").glob("*.tsv.xz"))
    chosen: dict[str, list[Pair]] = defaultdict(list)
    for path in paths:
        source = _name_source(path)
        if source in _LEFT_OUT:
            continue
        most = _MOST_SENTENCES.get(source, _MOST_PAIRS)
        for language, pairs in sorted(_read_source(path, languages).items()):
            generator = random.Random(f"{seed}/{source}/{language}")
            chosen[language] += generator.sample(pairs, min(most, len(pairs)))
    if not chosen:
        raise CorporaError(f"{folder}: no parallel texts (parallel/*.tsv.xz) in {sorted(languages)}")
    for language, pairs in sorted(chosen.items()):
        random.Random(f"{seed}/{language}").shuffle(pairs)
    rounds = zip_longest(*(pairs for _, pairs in sorted(chosen.items())))
    return [pair for each in rounds for pair in each if pair is not None]


def list_evaluation_pairs(folder: Path, languages: set[str]) -> dict[str, list[Pair]]:
    """Return by language the pairs that are never trained on; none where the folder lacks that source."""
    path = folder / "parallel" / f"{EVALUATION_SOURCE}.tsv.xz"
    return _read_source(path, languages) if path.exists() else {}
