"""`make train`: train the bot if no model fits the current data."""

import re
import subprocess
import sys
from pathlib import Path

from bot.fingerprint import model_path
from scripts.environment import ROOT, SetupError, base_environment, ensure_environments, python_of, say

# "Starting to train component 'LabelClassifier'."
STARTED = re.compile(r"Starting to train component '(\w+)'")


def ensure_model(environment: dict[str, str]) -> Path:
    """Return the model for the data as it is now, training it first where there is none.

    Raises:
        SetupError: Training failed.
    """
    model = model_path()
    if model.exists():
        say(f"· {model.name} fits the current data")
    else:
        _train(environment)
    return Path(model)


def _train(environment: dict[str, str]) -> None:
    """Run the training; show which part is learning, keep everything else that Rasa says for a failure."""
    said: list[str] = []
    with subprocess.Popen(
        [python_of(".venv-bot"), "-W", "ignore", "-m", "bot.train"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as training:
        assert training.stdout is not None
        for line in training.stdout:
            said.append(line)
            started = STARTED.search(line)
            if started:
                say(f"  {started[1]}")
            elif line.startswith(("training ", "trained ")):
                say(f"· {line.rstrip()}")
    if training.returncode:
        raise SetupError(f"training failed:\n{''.join(said)[-3000:]}")


if __name__ == "__main__":
    try:
        ensure_environments()
        ensure_model(base_environment())
    except SetupError as error:
        sys.exit(f"make train: {error}")
