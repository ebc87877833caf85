"""Goes on training the shipped encoder on the messages of today: `python -m bot.encoder.tune [--steps 800]`.

The second stage once more, at a lower rate, from the weights in `models/encoder`: for messages that came
after it. Only what lies above the middle layer learns, as articles are found by what that says. It needs no
parallel texts and takes half an hour on two cores, a rebuild (`bot.encoder.train`) several hours. A run that
is broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tokenizers import Tokenizer

from bot.encoder.export import Likeness, check_graph, read_weights, write_graph
from bot.encoder.model import SHIPPED, SentenceEncoder
from bot.encoder.stages import LABEL_RATE, pick_device, train_on_labels
from bot.encoder.train import CHECKED_EVERY, PROJECT_FOLDER, RUNS_FOLDER, say
from bot.encoder.vocabulary import build_tokenizer
from bot.training_data import TrainingMessage, list_messages

ENCODER = PROJECT_FOLDER / "models" / "encoder"
_STEPS = 800
_RATE = LABEL_RATE * 2 / 3
_COSINES = re.compile(r"cosine [\d.]+ on average, [\d.]+ at worst")
_STEP_OF_TRAINING = re.compile(r"^\d+\. ", re.MULTILINE)
_AFTER_TRAINING = "\n## Data and licences"


def open_encoder(folder: Path) -> tuple[SentenceEncoder, Tokenizer]:
    """Return an encoder of ours with the weights of its 8-bit graph, and its tokeniser.

    Raises:
        OSError: A file is not there.
        ExportError: The graph is not one of ours.
    """
    tokenizer = build_tokenizer((folder / "sentencepiece.model").read_bytes())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size = replace(
        SHIPPED,
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        pieces=config["vocab_size"],
    )
    model = SentenceEncoder(size)
    model.load_state_dict(read_weights(folder / "model.onnx"))
    return model.eval(), tokenizer


def tune(messages: list[TrainingMessage], steps: int, seed: int, folder: Path, runs: Path) -> Likeness:
    """Train the encoder of a folder on, and write its graph and what its README says of it anew.

    Raises:
        OSError: The folder lacks a file.
        ExportError: The graph is not one of ours, or answers otherwise than the model.
    """
    graph = folder / "model.onnx"
    model, tokenizer = open_encoder(folder)
    digest = hashlib.sha256(graph.read_bytes() + f"{steps}/{seed}".encode())
    for message in messages:
        digest.update(f"{message.language}\t{message.label}\t{message.text}\n".encode())
    run = runs / f"tune-{digest.hexdigest()[:12]}"
    device = pick_device()
    say(f"{run}: {len(messages)} messages, {steps} steps, on {device}")
    model.to(device)
    for part in model.lower_half():
        part.requires_grad_(False)
    train_on_labels(model, tokenizer, messages, steps, seed, run / "labels.pt", rate=_RATE, known_labels=True)
    tuned = run / "model.onnx"
    write_graph(model, tuned)
    texts = [message.text for message in messages[::CHECKED_EVERY]]
    likeness = check_graph(tuned, model, tokenizer, texts)
    shutil.copyfile(tuned, graph)
    card = folder / "README.md"
    said = describe_tuning(card.read_text(encoding="utf-8"), len(messages), steps, seed, likeness)
    card.write_text(said, encoding="utf-8")
    say(f"{folder}: cosine to the trained encoder {likeness.mean:.4f}, at worst {likeness.worst:.4f}")
    return likeness


def describe_tuning(card: str, messages: int, steps: int, seed: int, likeness: Likeness) -> str:
    """Return the model card with one more step of its training, and today's figures of the graph."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    number = len(_STEP_OF_TRAINING.findall(card)) + 1
    step = (
        f"{number}. {today}: stage 2 for {steps} steps more, upper half (`python -m bot.encoder.tune`, "
        f"seed {seed}), drawn from {messages:,} messages.\n"
    )
    card = card.replace(_AFTER_TRAINING, step + _AFTER_TRAINING, 1)
    return _COSINES.sub(f"cosine {likeness.mean:.4f} on average, {likeness.worst:.4f} at worst", card)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m bot.encoder.tune", description=__doc__)
    parser.add_argument("--steps", type=int, default=_STEPS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tune(list_messages(), arguments.steps, arguments.seed, ENCODER, RUNS_FOLDER)


if __name__ == "__main__":
    main()
