"""`make train`: train the bot if no model fits the current data."""

import sys
from pathlib import Path

from bot.fingerprint import model_path
from scripts.environment import SetupError, base_environment, ensure_environments, say
from scripts.processes import run_step


def ensure_model(environment: dict[str, str]) -> Path:
    """Return the model for the data as it is now, training it first where there is none.

    Raises:
        SetupError: Training failed.
    """
    model = model_path()
    if model.exists():
        say(f"· {model.name} fits the current data")
    else:
        say("· training on the current data; takes a minute or two")
        # Rasa's libraries warn of their own future, and its bars rush past hundreds of times.
        quiet = {**environment, "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
        run_step(".venv-bot", ["-m", "bot.train"], quiet, show=True)
    return Path(model)


if __name__ == "__main__":
    try:
        ensure_environments()
        ensure_model(base_environment())
    except SetupError as error:
        sys.exit(f"make train: {error}")
