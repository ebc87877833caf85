"""One hash over everything that a trained Rasa model depends on.

Standard library only: the launcher, on Python 3.11, finds the model by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
MODELS_FOLDER = PROJECT_FOLDER / "models" / "rasa"

# Files, and folders with all that is in them. What only runs (nlg, channel, texts, articles) needs no
# training.
TRAINED_ON = (
    "config.yml",
    "data/nlu",
    "data/rules",
    "data/stories",
    "bot/components",
    "bot/domain",
    "bot/learning",
    "bot/training_data.py",
    "locales/languages.yml",
    "models/encoder",
    "requirements/bot.txt",
)

_LENGTH = 16


# What components learn with. Rasa keeps what it has trained in a cache, and knows only the components' code.
LEARNT_WITH = ("bot/learning",)


def fingerprint(project: Path = PROJECT_FOLDER, names: Iterable[str] = TRAINED_ON) -> str:
    """Return 16 hexadecimal digits that change with the content or name of any of the files.

    Args:
        project: The project's folder.
        names: Files, and folders with all that is in them, from the project's folder.
    """
    digest = hashlib.sha256()
    for file in _files(project, names):
        digest.update(file.relative_to(project).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:_LENGTH]


def model_path(project: Path = PROJECT_FOLDER) -> Path:
    """Return where the model trained on the project as it is now lies, or will."""
    return project / MODELS_FOLDER.relative_to(PROJECT_FOLDER) / f"{fingerprint(project)}.tar.gz"


def _files(project: Path, names: Iterable[str]) -> list[Path]:
    files: list[Path] = []
    for name in names:
        path = project / name
        if path.is_file():
            files.append(path)
        elif path.is_dir():
            files += [file for file in path.rglob("*") if file.is_file() and _counts(file.relative_to(path))]
    return sorted(files)


def _counts(path: Path) -> bool:
    # Compiled Python and editors' hidden files change nothing.
    return not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
