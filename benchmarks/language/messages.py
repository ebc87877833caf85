"""The messages to recognise: our own dev messages, and general text where the corpora are at hand."""

from __future__ import annotations

import json
import lzma
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.learning.text import evidence_words
from locales.languages import list_languages

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
# Of each language, for each of the sets of general text.
GENERAL_SIZE = 300
# Written without spaces: a word cannot be cut out.
WITHOUT_SPACES = {"ja", "zh"}
# News in professional translation, kept for measuring; sentences that people collect for learners.
NEWS, SENTENCES = "ntrex", "tatoeba"
# Written in another language's letters, or in two languages: only the conversation can tell.
_NEEDS_CONTEXT = {"romanised", "mixed"}


@dataclass(frozen=True)
class Sample:
    """One text and the language of the person who wrote it."""

    language: str
    text: str


def shop_sets(folders: list[Path]) -> dict[str, list[Sample]]:
    """Return the dev messages of three words and more, and those of one or two.

    Left out is what tells nothing (a number, an address) and what is romanised or mixed on purpose.
    """
    found: dict[str, list[Sample]] = {"shop, 3 words and more": [], "shop, 1 or 2 words": []}
    for sample, style in _dev(folders):
        words = evidence_words(sample.text)
        if not words or style in _NEEDS_CONTEXT:
            continue
        # A Chinese or Japanese sentence is one "word": count it by its length.
        is_long = len(words) > 2 or (sample.language in WITHOUT_SPACES and sum(map(len, words)) > 5)
        found["shop, 3 words and more" if is_long else "shop, 1 or 2 words"].append(sample)
    return found


def conversations(folders: list[Path]) -> list[tuple[Sample, Sample]]:
    """Return pairs of an earlier message and the next one of the same customer, every style included."""
    by_language: dict[str, list[Sample]] = defaultdict(list)
    openings: dict[str, list[Sample]] = defaultdict(list)
    for sample, style in _dev(folders):
        by_language[sample.language].append(sample)
        if style not in _NEEDS_CONTEXT and len(sample.text) > 25:
            openings[sample.language].append(sample)
    draw = random.Random(SEED)
    return [
        (draw.choice(openings[language]), sample)
        for language, samples in sorted(by_language.items())
        for sample in samples
    ]


def _dev(folders: list[Path]) -> Iterator[tuple[Sample, str]]:
    spoken = {language.tag for language in list_languages()}
    for folder in folders:
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").split("\n"):
                if line.strip():
                    given = json.loads(line)
                    if given["lang"] in spoken:
                        yield Sample(given["lang"], given["text"]), given.get("style", "")


def general_sets(corpora: Path) -> dict[str, list[Sample]]:
    """Return general text in the shop's languages: news, sentences, and its single words and pairs."""
    news = _draw(corpora / f"{NEWS}.tsv.xz")
    cuts: dict[int, list[Sample]] = {1: [], 2: []}
    draw = random.Random(SEED)
    for sample in news:
        words = evidence_words(sample.text)
        for size, cut in cuts.items():
            if sample.language not in WITHOUT_SPACES and len(words) > size:
                start = draw.randrange(len(words) - size)
                cut.append(Sample(sample.language, " ".join(words[start : start + size])))
    return {
        "general, news": news,
        "general, sentences": _draw(corpora / f"{SENTENCES}.tsv.xz"),
        "general, word pairs": cuts[2],
        "general, single words": cuts[1],
    }


def foreign_sentences(corpora: Path) -> list[Sample]:
    """Return sentences in languages that the shop does not answer in, of scripts that it reads."""
    samples = _draw(corpora / f"{SENTENCES}.tsv.xz", of_the_shop=False)
    return [sample for sample in samples if sample.language in ("tr", "pl", "id", "sv", "cs", "ro")]


def _draw(path: Path, *, of_the_shop: bool = True) -> list[Sample]:
    spoken = {language.tag for language in list_languages()}
    texts: dict[str, set[str]] = defaultdict(set)
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            english, language, text = line.rstrip("\n").split("\t")
            if (language in spoken) is of_the_shop:
                texts[language].add(text)
            if of_the_shop:
                texts["en"].add(english)
    draw = random.Random(SEED)
    return [
        Sample(language, text)
        for language, all_texts in sorted(texts.items())
        for text in draw.sample(sorted(all_texts), min(GENERAL_SIZE, len(all_texts)))
    ]
