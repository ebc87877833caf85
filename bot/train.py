"""Trains the Rasa model, unless one of the same data and code is there: `python -m bot.train [--force]`."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
import warnings
from pathlib import Path

from bot.fingerprint import PROJECT_FOLDER, model_path


class TrainingFailedError(RuntimeError):
    """Rasa has trained no model; what it said before tells why."""


def train(target: Path, project: Path = PROJECT_FOLDER) -> None:
    """Train and write the model to `target`.

    Raises:
        TrainingFailedError: Rasa gave up.
        TrainingDataError: A training message cannot be read.
    """
    with warnings.catch_warnings(record=True):
        # Rasa and the libraries of its time warn of their own future at every import.
        import rasa
        from rasa.utils.log_utils import configure_structlog

        configure_structlog(logging.WARNING)
        unfinished = target.with_name(f"unfinished-{target.name}")
        result = rasa.train(
            domain=str(project / "bot" / "domain"),
            config=str(project / "config.yml"),
            training_files=[str(project / "data" / name) for name in ("nlu", "rules", "stories")],
            output=str(target.parent),
            fixed_model_name=unfinished.name.removesuffix(".tar.gz"),
        )
    if result.code != 0 or not unfinished.is_file():
        raise TrainingFailedError(f"rasa train ended with code {result.code}")
    # Whoever finds a model under its name finds a whole one.
    unfinished.replace(target)


def main(arguments: list[str] | None = None) -> int:
    """Train if need be, and tell what is done."""
    parser = argparse.ArgumentParser(prog="python -m bot.train", description=__doc__)
    parser.add_argument("--force", action="store_true", help="train even if the model is there")
    options = parser.parse_args(arguments)
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.chdir(PROJECT_FOLDER)
    target = model_path()
    name = target.relative_to(PROJECT_FOLDER)
    if target.is_file() and not options.force:
        _say(f"{name} is up to date")
        return 0
    _say(f"training {name} (some six minutes on two cores, 8 GB of memory)")
    logging.basicConfig(level=logging.WARNING)
    # Rasa says which component it trains, and nothing else that is worth reading.
    logging.getLogger("rasa.engine.training.hooks").setLevel(logging.INFO)
    # Millions of tokens and features are made, and looking for circles among them takes half a minute; there
    # are next to none (as much memory at most, with and without).
    gc.disable()
    started = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        train(target)
    except TrainingFailedError as error:
        _say(str(error))
        return 1
    megabytes = target.stat().st_size / 1e6
    _say(f"trained {name}: {time.monotonic() - started:.0f} s, {megabytes:.1f} MB")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
