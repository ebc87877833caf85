"""Measures the trained pipeline on labelled messages: `python -m bot.evaluate FILE [--out OUT]`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.evaluation import (
    Example,
    MalformedLineError,
    measure,
    parse_examples,
    render_prediction,
    render_table,
)
from bot.fingerprint import model_path


def predict(model: Path, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Run the pipeline on each message by itself; all that is known around it is what was offered.

    Returns a dict a message: text, language, language_confidence, label, confidence, ranking, decision.
    """
    with warnings.catch_warnings(record=True):
        from rasa.core.agent import Agent
        from rasa.utils.log_utils import configure_structlog

        from bot.turn import parse_text

        configure_structlog(logging.WARNING)
        processor = Agent.load(str(model)).processor

        return [
            render_prediction(
                example.text, parse_text(processor, example.text, {"offered": list(example.offered)})
            )
            for example in examples
        ]


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; write the predictions where asked to."""
    parser = argparse.ArgumentParser(prog="python -m bot.evaluate", description=__doc__)
    form = 'JSON lines {"text", "lang", "expected": [...]}, with or without "offered": [...]'
    parser.add_argument("file", type=Path, help=form)
    parser.add_argument("--out", type=Path, help="file for a JSON line a message with what was predicted")
    parser.add_argument("--model", type=Path, help="trained model (default: the one of the project as it is)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    model = options.model or model_path()
    try:
        examples = _read(options.file)
    except (OSError, UnicodeDecodeError, MalformedLineError) as error:
        return _fail(f"{options.file}: {error}")
    if not model.is_file():
        return _fail(f"{model} is not there: train it with `python -m bot.train`")
    predictions = predict(model, examples)
    if options.out:
        lines = [json.dumps(prediction, ensure_ascii=False) + "\n" for prediction in predictions]
        options.out.write_text("".join(lines), encoding="utf-8")
    sys.stdout.write(render_table(measure(examples, predictions)) + "\n")
    return 0


def _read(file: Path) -> list[Example]:
    # Not splitlines: that also splits at characters that may stand within a JSON string.
    return parse_examples(file.read_text(encoding="utf-8").split("\n"))


def _fail(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
