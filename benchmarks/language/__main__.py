"""Prints the table: `make bench-language [CORPORA=folder]`. Runs in .venv-bot, the others elsewhere."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.language.messages import (
    ROOT,
    Sample,
    conversations,
    foreign_sentences,
    general_sets,
    shop_sets,
)
from bot.context import Context
from bot.fingerprint import model_path
from locales.languages import list_languages

OTHERS_PYTHON = ROOT / ".venv-language" / "bin" / "python"
OURS = "Dragoman"
Identify = Callable[[str, Context], dict[str, Any]]


@dataclass(frozen=True)
class Answers:
    """What one detector said of each text, and how long each took, in microseconds."""

    said: list[str | None]
    us: list[float]


def load_ours() -> tuple[Identify, Callable[..., Any]]:
    """Return the trained model's identifier, and the choice of the language to answer in."""
    with warnings.catch_warnings(record=True):
        from rasa.core.agent import Agent

        from bot.components.language_chooser import LanguageChooser, choose
        from bot.components.language_identifier import LanguageIdentifier

        nodes = Agent.load(str(model_path())).processor.graph_runner._instantiated_nodes
    (identifier,) = [
        node._component for node in nodes.values() if isinstance(node._component, LanguageIdentifier)
    ]
    settings = LanguageChooser.get_default_config()
    return identifier.identify, lambda found, context: choose(found, (), context, **settings).chosen


def ask_ours(identify: Identify, samples: list[Sample]) -> Answers:
    said, times = [], []
    for sample in samples:
        started = time.perf_counter()
        found = identify(sample.text, Context())["detected"]
        times.append(1e6 * (time.perf_counter() - started))
        said.append(found)
    return Answers(said, times)


def ask_others(samples: list[Sample]) -> dict[str, Answers]:
    given = {
        "languages": [language.tag for language in list_languages()],
        "texts": [sample.text for sample in samples],
    }
    done = subprocess.run(
        [str(OTHERS_PYTHON), "-m", "benchmarks.language.others"],
        input=json.dumps(given), capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return {name: Answers(**answers) for name, answers in json.loads(done.stdout).items()}


def share_right(samples: list[Sample], answers: Answers) -> float:
    right = sum(said == sample.language for sample, said in zip(samples, answers.said, strict=True))
    return 100 * right / len(samples)


def render_table(sets: dict[str, list[Sample]], by_detector: dict[str, dict[str, Answers]]) -> str:
    """Return a Markdown table: a row a set, a column a detector, the share right and the median time."""
    names = list(by_detector)
    lines = [
        "| messages | number | " + " | ".join(names) + " |",
        "|---|--:|" + "--:|" * len(names),
    ]
    for title, samples in sets.items():
        shares = [f"{share_right(samples, by_detector[name][title]):.2f} %" for name in names]
        lines.append(f"| {title} | {len(samples):,} | " + " | ".join(shares) + " |")
    medians = [
        f"{statistics.median(us for answers in by_detector[name].values() for us in answers.us):.0f} µs"
        for name in names
    ]
    lines.append("| a message, median | | " + " | ".join(medians) + " |")
    return "\n".join(lines)


def render_mistakes(samples: list[Sample], answers: Answers, most: int = 40) -> list[str]:
    wrong = [
        f"  {sample.language} → {said}: {sample.text}"
        for sample, said in zip(samples, answers.said, strict=True)
        if said != sample.language
    ]
    return wrong[:most]


def share_with_context(
    identify: Identify, choose: Callable[..., Any], pairs: list[tuple[Sample, Sample]]
) -> tuple[float, list[str]]:
    """Return how often the language answered in is right after one earlier message, and the mistakes."""
    right, wrong = 0, []
    for earlier, sample in pairs:
        first = choose(identify(earlier.text, Context()), Context())
        context = Context(language=first)
        chosen = choose(identify(sample.text, context), context)
        right += chosen == sample.language
        if chosen != sample.language:
            wrong.append(f"  {sample.language} → {chosen}: {earlier.text[:50]} / {sample.text}")
    return 100 * right / len(pairs), wrong


def main() -> int:
    """Measure; `--mistakes` lists what ours got wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.language", description=__doc__)
    parser.add_argument("--corpora", type=Path, help="folder of parallel texts, for general text")
    parser.add_argument("--dev", type=Path, action="append", default=[], help="more dev messages")
    parser.add_argument("--mistakes", action="store_true")
    options = parser.parse_args()
    folders = [ROOT / "tests" / "data" / "dev", *options.dev]
    identify, choose = load_ours()
    sets = {title: samples for title, samples in shop_sets(folders).items() if samples}
    if options.corpora:
        sets.update(general_sets(options.corpora))
    by_detector: dict[str, dict[str, Answers]] = {
        OURS: {title: ask_ours(identify, samples) for title, samples in sets.items()}
    }
    for title, samples in sets.items():
        for name, answers in ask_others(samples).items():
            by_detector.setdefault(name, {})[title] = answers
    print(render_table(sets, by_detector))
    pairs = conversations(folders)
    share, wrong = share_with_context(identify, choose, pairs)
    print(f"\nWith one earlier message: {share:.2f} % of {len(pairs):,} dev messages are answered rightly.")
    if options.corpora:
        foreign = foreign_sentences(options.corpora)
        found = sum(identify(sample.text, Context())["foreign"] for sample in foreign)
        print(f"Of {len(foreign):,} sentences in six other languages {100 * found / len(foreign):.1f} % are "
              "told to be in none of the shop's.")  # fmt: skip
    if options.mistakes:
        for title, samples in sets.items():
            print(f"\n{title}")
            print("\n".join(render_mistakes(samples, by_detector[OURS][title])))
        print("\nwith one earlier message", *wrong[:60], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
