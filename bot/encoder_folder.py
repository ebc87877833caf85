"""Where the sentence encoder lies and whether it is whole: shared by the components that read it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
SENTENCEPIECE_FILE = "sentencepiece.model"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
CONFIG_FILE = "config.json"
MODEL_FILE = "model.onnx"

# Half of a character beyond the 16-bit range; JSON may carry one alone, UTF-8 cannot.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class EncoderFilesError(FileNotFoundError):
    """A file of the encoder is not where `config.yml` says."""


def find_files(folder: str, names: Iterable[str]) -> list[Path]:
    """Return the paths of an encoder's files; a relative folder counts from the project's root.

    Raises:
        EncoderFilesError: One of them is missing.
    """
    paths = [PROJECT_FOLDER / folder / name for name in names]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise EncoderFilesError(
            f"the encoder {folder!r} named in config.yml lacks {', '.join(missing)}: "
            "the folder is shipped with the project and rebuilt by `make encoder`"
        )
    return paths


def fingerprint_files(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over the names and contents of the files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def make_encodable(text: str) -> str:
    """Return the text, as long as before, with what UTF-8 cannot carry replaced by U+FFFD."""
    return _LONE_SURROGATE.sub("\ufffd", text)
