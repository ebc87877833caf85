"""Prints the tables: `make bench-understanding [DEV=folder] [HELD_OUT=folder] [DIET_EPOCHS=20]
[MESSAGES=15]`. Runs in .venv-bot.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.understanding.contenders import SETTINGS, Both, Contender, EncoderAlone, NGrams, StockDiet
from benchmarks.understanding.figures import Answers, answered_and_right, calibration_error, hits
from benchmarks.understanding.held_out import (
    encoder_without,
    hold_out_authors,
    hold_out_language,
    spoil_examples,
    take_first,
)
from bot.components.encoder_featurizer import load_encoder
from bot.components.label_classifier import ANSWER_FROM
from bot.components.sentencepiece_tokenizer import load_vocabulary
from bot.evaluation import Example, parse_examples
from bot.learning.importer import add_bare_copies
from bot.training_data import HELD_OUT_LANGUAGE, TrainingMessage, list_languages, list_messages

ROOT = Path(__file__).resolve().parents[2]
OWN_DEV = ROOT / "tests" / "data" / "dev"
ENCODER = "models/encoder"
# So many messages are asked one by one with a clock; all of them are asked.
_WARM_UP = 20


def read_examples(folders: list[Path]) -> dict[str, list[Example]]:
    """Return the messages of the folders' files, one file a language, by the folder's name and language."""
    sets = {}
    for folder in folders:
        for file in sorted(folder.glob("*.jsonl")):
            lines = [line for line in file.read_text(encoding="utf-8").splitlines() if '"expected"' in line]
            if file.stem in list_languages() and lines:
                name = file.stem if folder == OWN_DEV else f"{file.stem} ({folder.name})"
                sets[name] = parse_examples(lines)
    return sets


def ask(contender: Contender, examples: list[Example]) -> Answers:
    for example in examples[:_WARM_UP]:
        contender.ask(example.text, example.language)
    rows, took = [], []
    for example in examples:
        started = time.perf_counter()
        rows.append(contender.ask(example.text, example.language))
        took.append(1000 * (time.perf_counter() - started))
    return Answers(contender.labels, np.stack(rows), took)


def render(sets: dict[str, list[Example]], answers: dict[str, dict[str, Answers]]) -> str:
    """Return the table over all languages, and right at first guess in each."""
    head = ("", "top-1", "top-3", "answered", "of these right", "calibration error", "ms a message")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    everything = [example for examples in sets.values() for example in examples]
    for name, of_sets in answers.items():
        together = Answers(
            next(iter(of_sets.values())).labels,
            np.concatenate([of_sets[one].probabilities for one in sets]),
            [took for one in sets for took in of_sets[one].took_ms],
        )
        answered, right = answered_and_right(everything, together, SETTINGS[ANSWER_FROM])
        cells = [
            f"{100 * hits(everything, together, 1).mean():.1f}",
            f"{100 * hits(everything, together, 3).mean():.1f}",
            f"{100 * answered:.1f}",
            f"{100 * right:.1f}",
            f"{calibration_error(everything, together):.3f}",
            f"{np.median(together.took_ms):.2f}",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Right at first guess:",
        "",
        "| | " + " | ".join(sets) + " |",
        "|" + "---|" * (len(sets) + 1),
    ]
    for name, of_sets in answers.items():
        shares = [f"{100 * hits(examples, of_sets[one], 1).mean():.1f}" for one, examples in sets.items()]
        lines.append(f"| {name} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def compare(
    contenders: Sequence[Contender],
    messages: Sequence[TrainingMessage],
    sets: dict[str, list[Example]],
) -> dict[str, dict[str, Answers]]:
    """Fit every contender to the messages, and return what it makes of each set."""
    answers: dict[str, dict[str, Answers]] = defaultdict(dict)
    learnt = add_bare_copies(messages)
    for contender in contenders:
        started = time.perf_counter()
        contender.fit(learnt)
        print(f"{contender.name}: fitted in {time.perf_counter() - started:.0f} s", flush=True)
        for name, examples in sets.items():
            answers[contender.name][name] = ask(contender, examples)
    return answers


def make_contenders(encoder_folder: str) -> list[Contender]:
    """Return all n-grams, an encoder and both together."""
    processor = load_vocabulary(ENCODER)

    def cut(text: str) -> list[str]:
        pieces: list[str] = processor.encode(text, out_type=str)
        return pieces

    ngrams = NGrams("all n-grams", cut, "cfwps")
    encoder = EncoderAlone("encoder alone", load_encoder(encoder_folder))
    return [
        NGrams("linear on character n-grams", lambda _: [], "cf"),
        NGrams("linear on SentencePiece n-grams", cut, "p"),
        ngrams,
        encoder,
        Both("encoder and n-grams (ships)", ngrams, encoder),
    ]


def main() -> None:
    """Fit and ask every contender, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.understanding", description=__doc__)
    parser.add_argument("--dev", type=Path, action="append", default=[], help="more folders of messages")
    parser.add_argument("--held-out", type=Path, help="folder of an encoder's run (var/encoder/…)")
    parser.add_argument("--diet-epochs", type=int, default=0, help="0 leaves stock DIET out")
    parser.add_argument("--messages", type=int, help="of a label and language, at most (default: all)")
    arguments = parser.parse_args()
    sets = read_examples([OWN_DEV, *arguments.dev])
    messages = list_messages()
    if arguments.messages:
        messages = take_first(messages, arguments.messages)
    contenders = make_contenders(ENCODER)
    if arguments.diet_epochs:
        folder = ROOT / "var" / "benchmarks" / "diet"
        contenders.insert(0, StockDiet(folder, arguments.diet_epochs))
    print("\n" + render(sets, compare(contenders, messages, sets)))

    spoilt = {name: spoil_examples(examples) for name, examples in sets.items()}
    answers = {
        contender.name: {name: ask(contender, examples) for name, examples in spoilt.items()}
        for contender in contenders
    }
    print("\nThe same messages, every one with typing errors:\n\n" + render(spoilt, answers))

    if arguments.held_out:
        known, asked = hold_out_authors(messages)
        print(f"\nThe last author of each language, trained on the others ({len(known)} messages):")
        theirs = make_contenders(encoder_without(arguments.held_out, "last-authors"))[2:]
        print("\n" + render(asked, compare(theirs, known, asked)))
        chosen = {name: one for name, one in sets.items() if name.startswith(HELD_OUT_LANGUAGE)}
        print(f"\nDev messages in {HELD_OUT_LANGUAGE}, trained on the other languages:")
        foreign = make_contenders(encoder_without(arguments.held_out, HELD_OUT_LANGUAGE))[2:]
        print("\n" + render(chosen, compare(foreign, hold_out_language(messages), chosen)))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
