"""Trains the encoder: `python -m bot.encoder.train --corpora DIR [--out DIR] [--seed 1]`.

A run that is broken off goes on where it was when started again with the same arguments and data; what it
remembers lies in `var/encoder/`. Vocabulary and first stage are kept as long as size, seed and parallel texts
are the same: after a change of the messages only the second stage is done again.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import shutil
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from bot.encoder.corpora import Pair, list_evaluation_pairs, list_pairs
from bot.encoder.export import Likeness, check_graph, write_graph
from bot.encoder.measure import measure_labels, measure_translations
from bot.encoder.model import SHIPPED, SentenceEncoder, Size, start_from
from bot.encoder.model_card import render_model_card, render_table
from bot.encoder.pretrained import Pretrained, find_pretrained, read_pretrained
from bot.encoder.stages import (
    PAIRS_A_STEP,
    Lessons,
    pick_device,
    train_on_labels,
    train_on_translations,
)
from bot.encoder.teacher import place_texts
from bot.encoder.vocabulary import (
    LONGEST_MESSAGE,
    build_tokenizer,
    check_same_pieces,
    prune_sentencepiece,
    write_vocabulary,
)
from bot.training_data import HELD_OUT_LANGUAGE, TrainingMessage, last_authors, list_languages, list_messages

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
RUNS_FOLDER = PROJECT_FOLDER / "var" / "encoder"
LARGEST_GRAPH = 15_000_000  # bytes: the project ships it
# Our messages are few beside the parallel texts, and theirs is the wording that must be cheap to write.
_MESSAGE_WEIGHT = 8
_VOCABULARY_TEXTS = 12_000  # parallel texts a language
# The teacher reads every one, which takes its time; they are drawn one and a half times.
_MOST_PAIRS = 256_000
# What is measured with is tuned for so many times fewer steps.
_MEASURED_SHARE = 2
# Every so-manieth message is compared between the trained encoder and the 8-bit graph.
CHECKED_EVERY = 5


class TooLargeError(RuntimeError):
    """The graph is larger than the project ships."""


@dataclass(frozen=True)
class Material:
    """What a run trains on."""

    pretrained: Pretrained
    size: Size
    seed: int
    messages: list[TrainingMessage]
    pairs: list[Pair]

    def first_stage_fingerprint(self) -> str:
        """Return a hash of what the first stage depends on, apart from the code and the messages."""
        shape = {**asdict(self.size), "label_steps": None}
        digest = hashlib.sha256(json.dumps([shape, self.seed]).encode())
        for pair in self.pairs:
            digest.update(f"{pair.language}\t{pair.english}\t{pair.text}\n".encode())
        return digest.hexdigest()[:12]

    def second_stage_fingerprint(self) -> str:
        """Return a hash of what the second stage depends on beside the first."""
        digest = hashlib.sha256(json.dumps([self.size.label_steps, self.seed]).encode())
        for message in self.messages:
            digest.update(f"{message.language}\t{message.label}\t{message.text}\n".encode())
        return digest.hexdigest()[:12]


def say(line: str) -> None:
    """Print a line of progress where the progress bars are."""
    print(line, file=sys.stderr, flush=True)


def gather_material(size: Size, seed: int, corpora: Path) -> Material:
    """Return the messages of the project and, from the corpora folder, the parallel texts in their languages.

    Raises:
        TrainingDataError: The messages cannot be read.
        CorporaError: The folder holds none of these languages.
        PretrainedError: The encoder to start from is not installed.
    """
    pairs = list_pairs(corpora, set(list_languages()) - {"en"}, seed)
    pretrained = read_pretrained(find_pretrained())
    return Material(pretrained, size, seed, list_messages(), pairs[:_MOST_PAIRS])


def make_vocabulary(material: Material, folder: Path) -> Tokenizer:
    """Return the vocabulary of the run's folder, made unless it lies there already."""
    path = folder / "sentencepiece.model"
    if not path.exists():
        say(f"vocabulary: choosing {material.size.pieces} pieces of {len(material.pretrained.pieces)}")
        texts: dict[str, float] = {message.text: _MESSAGE_WEIGHT for message in material.messages}
        taken: Counter[str] = Counter()
        for pair in material.pairs:
            for language, text in (("en", pair.english), (pair.language, pair.text)):
                if taken[language] < _VOCABULARY_TEXTS:
                    taken[language] += 1
                    texts.setdefault(text, 1.0)
        scores = material.pretrained.scores_of_pieces()
        write_vocabulary(prune_sentencepiece(scores, texts, material.size.pieces), folder)
    checked = check_same_pieces(folder, (message.text for message in material.messages))
    say(f"vocabulary: sentencepiece and transformers agree on {checked} messages")
    return build_tokenizer(path.read_bytes())


def prepare_lessons(material: Material, device: torch.device, folder: Path) -> Lessons:
    """Ask the teacher where the texts of the first stage lie."""
    languages = {message.text: message.language or "other" for message in material.messages}
    languages |= {
        pair.english: "english of pairs" for pair in material.pairs if pair.english not in languages
    }
    places = place_texts(material.pretrained, list(languages), list(languages.values()), device, folder)
    return Lessons(material.pairs, [message.text for message in material.messages], places)


def write_encoder(
    material: Material, model: SentenceEncoder, tokenizer: Tokenizer, vocabulary: Path, folder: Path
) -> Likeness:
    """Write a whole encoder's folder but for its README, and return how alike its graph is to the model.

    Raises:
        ExportError: The graph answers otherwise than the model.
        TooLargeError: The graph is larger than the project ships.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_vocabulary((vocabulary / "sentencepiece.model").read_bytes(), folder)
    model.config.save_pretrained(folder)
    graph = folder / "model.onnx"
    write_graph(model, graph)
    if graph.stat().st_size > LARGEST_GRAPH:
        raise TooLargeError(f"{graph}: {graph.stat().st_size:,} bytes, at most {LARGEST_GRAPH:,}")
    texts = [message.text for message in material.messages[::CHECKED_EVERY]]
    likeness = check_graph(graph, model, tokenizer, texts)
    say(f"{folder}: cosine to the trained encoder {likeness.mean:.4f}, at worst {likeness.worst:.4f}")
    return likeness


def train_without(
    name: str,
    known: list[TrainingMessage],
    material: Material,
    untuned: SentenceEncoder,
    tokenizer: Tokenizer,
    folder: Path,
) -> SentenceEncoder:
    """Return an encoder tuned on these messages alone, left in `folder/without-<name>` as well."""
    model = copy.deepcopy(untuned)
    steps = material.size.label_steps // _MEASURED_SHARE
    checkpoint = folder / f"labels-{material.second_stage_fingerprint()}-without-{name}.pt"
    train_on_labels(model, tokenizer, known, steps, material.seed, checkpoint)
    write_encoder(material, model, tokenizer, folder, folder / f"without-{name}")
    return model


def measure_held_out(
    material: Material, untuned: SentenceEncoder, tokenizer: Tokenizer, folder: Path
) -> list[list[str]]:
    """Train without one author of every language, and return rows of language and shares found.

    The encoder so trained is left in `folder/without-last-authors`, and one that has seen no message in
    `HELD_OUT_LANGUAGE` beside it: `make bench-understanding` measures with them.
    """
    out = last_authors(material.messages)
    known = [message for message in material.messages if message.author not in out]
    asked = [message for message in material.messages if message.author in out]
    if not out or not known:
        raise ValueError("measuring needs two authors or more (the number that metadata.author ends in)")
    say(f"measuring: {len(asked)} messages by {', '.join(sorted(out))}, trained without them")
    model = train_without("last-authors", known, material, untuned, tokenizer, folder)
    others = [message for message in material.messages if message.language != HELD_OUT_LANGUAGE]
    say(f"measuring: trained without {HELD_OUT_LANGUAGE}")
    train_without(HELD_OUT_LANGUAGE, others, material, untuned, tokenizer, folder)
    return [
        [language, f"{probed:.1%}", f"{voted:.1%}", str(count)]
        for language, (probed, voted, count) in measure_labels(model, tokenizer, known, asked).items()
    ]


def _render_figures(translations: dict[str, float], held_out: list[list[str]]) -> str:
    parts = []
    if held_out:
        head = ["language", "linear classifier", "5 nearest neighbours", "messages"]
        parts.append(
            "Share of messages given their label, by authors whom neither encoder nor classifier knows:\n\n"
            + render_table(head, held_out)
        )
    if translations:
        rows = [[language, f"{share:.1%}"] for language, share in translations.items()]
        parts.append(
            "Share of English sentences (NTREX) whose nearest of 500 is their translation, after stage 1:\n\n"
            + render_table(["language", "found"], rows)
        )
    return "\n\n".join(parts) or "Not measured in this run (`--measure`)."


def train(material: Material, out: Path, measure: bool, corpora: Path) -> None:
    """Train an encoder, or go on with it, and write it to the folder `out`."""
    run = RUNS_FOLDER / material.first_stage_fingerprint()
    run.mkdir(parents=True, exist_ok=True)
    device = pick_device()
    say(f"{run}: {len(material.messages)} messages, {len(material.pairs)} pairs, on {device}")
    tokenizer = make_vocabulary(material, run)

    torch.manual_seed(material.seed)
    size = replace(material.size, pieces=tokenizer.get_vocab_size())
    model = start_from(material.pretrained, size, tokenizer).to(device)
    first_stage = run / "first-stage.pt"
    if first_stage.exists():
        model.load_state_dict(torch.load(first_stage, map_location=device, weights_only=True))
    else:
        lessons = prepare_lessons(material, device, run)
        checkpoint = run / "translations.pt"
        train_on_translations(model, tokenizer, lessons, size.translation_steps, material.seed, checkpoint)
        torch.save(model.state_dict(), first_stage)
    translations = measure_translations(
        model, tokenizer, list_evaluation_pairs(corpora, set(list_languages()))
    )
    say(f"translations found among 500: {translations}")
    untuned = copy.deepcopy(model)

    steps = material.size.label_steps
    labels = run / f"labels-{material.second_stage_fingerprint()}.pt"
    train_on_labels(model, tokenizer, material.messages, steps, material.seed, labels)
    finished = run / "finished"
    likeness = write_encoder(material, model, tokenizer, run, finished)
    held_out = measure_held_out(material, untuned, tokenizer, run) if measure else []
    card = render_model_card(
        material.messages,
        material.pairs,
        _render_figures(translations, held_out),
        {
            **asdict(size),
            "seed": material.seed,
            "longest": LONGEST_MESSAGE,
            "pairs_a_step": PAIRS_A_STEP,
            "parameters": f"{sum(weights.numel() for weights in model.parameters()):,}",
            "megabytes": f"{(finished / 'model.onnx').stat().st_size / 1e6:.1f}",
            "cosine_mean": f"{likeness.mean:.4f}",
            "cosine_worst": f"{likeness.worst:.4f}",
        },
    )
    (finished / "README.md").write_text(card, encoding="utf-8")
    out.mkdir(parents=True, exist_ok=True)
    for path in finished.iterdir():
        shutil.copyfile(path, out / path.name)
    say(f"{out}: written")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m bot.encoder.train", description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of parallel texts")
    parser.add_argument("--out", type=Path, default=PROJECT_FOLDER / "models" / "encoder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="processor threads; 1 repeats exactly")
    parser.add_argument("--measure", action="store_true", help="also train without some authors, and measure")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    material = gather_material(SHIPPED, arguments.seed, arguments.corpora)
    train(material, arguments.out, arguments.measure, arguments.corpora)


if __name__ == "__main__":
    main()
